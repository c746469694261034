import ONNXFormat
import ONNXOperators
import RealModule

/// The weights `[dft_length / 2 + 1, num_mel_bins]` that turn a spectrum into mel bands: triangles
/// with corners evenly spaced on the mel scale, `2595 log₁₀(1 + f / 700)`.
struct MelWeightMatrix: Operator {
  static let schema = Schema("MelWeightMatrix", [17: [.int32, .int64]], inputs: 5...5)
  private let type: ElementType

  init(_ node: inout NodeReader) throws(OperatorError) {
    type = try node.optionalElementType("output_datatype") ?? .float32
    let types: TypeSet = [.floats, .bfloat16, .integers]
    guard types.contains(type) else {
      throw .attribute("output_datatype", "expected one of \(types), got \(type)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.scalar(2)
    for index in 3...4 { _ = try inputs.tensor(index, [.floats, .bfloat16]) }
    let (bands, length) = (try inputs.scalar(0), try inputs.scalar(1))
    let limits = 0...1 << 30
    for (index, value) in [bands, length].enumerated() {
      guard let value, !limits.contains(value) else { continue }
      throw .input(index, "expected at least 0 and at most 2³⁰, got \(value)")
    }
    return [.tensor(type, [Dimension(length.map { $0 / 2 + 1 }), Dimension(bands)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      var numbers: [Double] = []
      for index in 0..<5 {
        let values = try call.tensor(index).doubles(call)
        guard values.count == 1 else {
          throw .input(index, "expected one number, got \(values.count)")
        }
        numbers.append(values[0])
      }
      let (bands, length) = (Int(truncating: numbers[0]), Int(truncating: numbers[1]))
      let rows = length / 2 + 1
      let corners = try corners(bands, length, numbers, call)
      guard (corners.max() ?? 0) < rows else {
        throw .input(
          4,
          "expected an upper edge of at most half the sample rate; the highest band ends beyond the spectrum"
        )
      }
      let output = try numberTensor(call, type, [rows, bands]) { index -> Double in
        let (row, band) = (index / max(bands, 1), index % max(bands, 1))
        let (low, center, high) = (corners[band], corners[band + 1], corners[band + 2])
        if row >= center, row < high { return Double(high - row) / Double(high - center) }
        if row == center, low == center { return 1 }
        return row >= low && row <= center ? Double(row - low) / Double(center - low) : 0
      }
      return [.tensor(output)]
    }
  }

  /// The rows where the bands begin, peak and end. Each band peaks where the one before it ends.
  private func corners(
    _ bands: Int, _ length: Int, _ numbers: [Double], _ call: borrowing Call
  ) throws(OperatorError) -> [Int] {
    try call.context.reserve(bytes: bands * 8)
    let (rate, low, high) = (numbers[2], mel(numbers[3]), mel(numbers[4]))
    let step = (high - low) / Double(bands + 2)
    var corners: [Int] = []
    for index in 0..<bands + 2 {
      let frequency = 700 * (Double.exp10((low + step * Double(index)) / 2595) - 1)
      let row = (Double(length + 1) * frequency / rate).rounded(.down)
      guard row >= 0, row < 1e15 else {
        throw .invalid("expected a band edge from row 0 to 10¹⁵ of the spectrum, got \(row)")
      }
      corners.append(Int(row))
    }
    return corners
  }

  private func mel(_ frequency: Double) -> Double { 2595 * .log10(1 + frequency / 700) }
}

extension MelWeightMatrix {
  static func exactInputs(_ node: Node) -> [Int] { [3, 4] }
}
