import ONNXFormat
import ONNXOperators
import ONNXShape

/// The concatenated rows of several inputs, each truncated or padded with zeros to its size in
/// `inputdimensions`: `[N, Fᵢ]` → `[N, Σ sizes]`. A vector is one row.
struct FeatureVectorizer: Operator {
  static let schema = Schema(
    "FeatureVectorizer", domain: "ai.onnx.ml", [1: .features], inputs: .atLeast(1))
  let sizes: [Int]?

  init(_ node: inout NodeReader) throws(OperatorError) {
    sizes = try node.optionalInts("inputdimensions")
    guard let sizes else { return }
    guard sizes.count == node.inputCount, sizes.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }) else {
      throw .attribute("inputdimensions", "expected \(node.inputCount) sizes, got \(sizes)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    var rows = Dimension.unknown
    var columns: Int? = 0
    for index in 0..<inputs.count {
      let shape = try inputs.tensor(index, sameTypeAs: 0).shape
      if let shape, shape.rank != 1, shape.rank != 2 {
        throw .input(index, "expected shape [C] or [N,C], got \(shape)")
      }
      let width = sizes?[index] ?? shape?.last?.size
      if let known = columns, let width {
        let (sum, overflow) = known.addingReportingOverflow(width)
        guard !overflow else { throw .input(index, "the sum of the sizes overflows") }
        columns = sum
      } else {
        columns = nil
      }
      guard let shape else { continue }
      let own = shape.rank == 1 ? 1 : shape[0]
      if let a = rows.size, let b = own.size, a != b {
        throw .input(index, "expected \(a) rows, got \(b)")
      }
      if rows.size == nil { rows = own }
    }
    return [.tensor(.float32, [rows, Dimension(columns)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call) { (x: Float) in x }
    case .float64: try kernel(call) { (x: Double) in Float(x) }
    case .int32: try kernel(call) { (x: Int32) in Float(x) }
    default: try kernel(call) { (x: Int64) in Float(x) }
    }
  }

  private func kernel<T>(
    _ call: Preparation, _ convert: @escaping @Sendable (T) -> Float
  ) throws(OperatorError) -> Kernel {
    let output = try call.outputSizes(0)
    guard try call.outputCount(0) > 0 else { return .compute { _ in } }
    var widths: [(given: Int, wanted: Int)] = []
    for index in 0..<call.inputs.count {
      let given = try call.inputSizes(index).last ?? 1
      widths.append((given, sizes?[index] ?? given))
    }
    return .compute { [widths] buffers in
      var start = 0
      for (index, width) in widths.enumerated() {
        let kept = min(width.given, width.wanted)
        let x = buffers.input(index, as: T.self)
        for row in 0..<output[0] {
          let y = buffers.output(0, as: Float.self) + row * output[1] + start
          for i in 0..<kept { y[i] = convert(x[row * width.given + i]) }
          for i in kept..<width.wanted { y[i] = 0 }
        }
        start += width.wanted
      }
    }
  }
}
