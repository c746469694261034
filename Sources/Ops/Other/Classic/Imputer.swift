import ONNXFormat
import ONNXOperators
import ONNXShape

/// Replaces elements equal to a value, or NaN, by another value, one for each feature or for all.
struct Imputer: Operator {
  static let schema = Schema("Imputer", domain: "ai.onnx.ml", [1: .features], inputs: 1...1)
  let integers: [Int]
  let floats: [Float]
  let replacedInteger: Int
  let replacedFloat: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    integers = try node.optionalInts("imputed_value_int64s") ?? []
    floats = try node.optionalFloats("imputed_value_floats") ?? []
    replacedInteger = try node.int("replaced_value_int64", default: 0)
    replacedFloat = try node.float("replaced_value_float", default: 0)
    guard integers.isEmpty != floats.isEmpty else {
      throw .invalid("expected one of imputed_value_floats and imputed_value_int64s")
    }
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.featureShape()
    let type = try inputs.tensor(0).elementType
    let isReal = type == .float32 || type == .float64
    guard isReal == integers.isEmpty else {
      throw .input(0, "expected the type of the imputed values, got \(type)")
    }
    let count = max(integers.count, floats.count)
    if let columns = shape?.last?.size, count != 1, count != columns {
      throw .invalid("expected 1 or \(columns) imputed values, got \(count)")
    }
    return [.tensor(type, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let isNaN = replacedFloat.isNaN
    switch try call.elementType(0) {
    case .float32:
      return isNaN
        ? try kernel(call, floats) { $0.isNaN }
        : try kernel(call, floats) { $0 == replacedFloat }
    case .float64:
      let values = floats.map { Double($0) }
      return isNaN
        ? try kernel(call, values) { $0.isNaN }
        : try kernel(call, values) { $0 == Double(replacedFloat) }
    case .int64: return try kernel(call, integers) { $0 == replacedInteger }
    default:
      var values: [Int32] = []
      for integer in integers {
        guard let value = Int32(exactly: integer) else {
          throw .attribute("imputed_value_int64s", "\(integer) does not fit int32")
        }
        values.append(value)
      }
      return try kernel(call, values) { Int($0) == replacedInteger }
    }
  }

  private func kernel<T: Sendable>(
    _ call: Preparation, _ values: [T], _ isReplaced: @escaping @Sendable (T) -> Bool
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let columns = sizes.last ?? 1
    guard try call.inputCount(0) > 0 else { return .compute { _ in } }
    // A single value is used for all features.
    let step = values.count == 1 ? 0 : 1
    let tiles = Tiles(sizes.dropLast().wrappingProduct, cost: columns)
    let tile: Buffers.Tile = { buffers, task, _ in
      let (x, y) = (buffers.input(0, as: T.self), buffers.output(0, as: T.self))
      for row in tiles[task] {
        let start = row * columns
        for i in 0..<columns {
          let old = x[start + i]
          y[start + i] = isReplaced(old) ? values[i * step] : old
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}
