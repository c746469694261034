import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The steps from the sums of an 8-bit convolution to its results: the sums themselves, or
/// `saturate(round((bias + sum) · sx · sw / sy) + zy)`.
struct ByteResults: Sendable {
  private struct Quantization: Sendable {
    /// The input indices of `sx`, `sy` and the bias.
    let scaleX: Int
    let scaleY: Int
    let bias: Int?
    let scaleW: QuantizationParameter
    let zeroY: QuantizationParameter
    let codeY: ByteCode
  }
  private let quantization: Quantization?

  /// The sums.
  static let sums = ByteResults(quantization: nil)

  private init(quantization: Quantization?) { self.quantization = quantization }

  /// The results of `QLinearConv`.
  init?(quantized call: Preparation) throws(OperatorError) {
    guard let codeY = ByteCode(try call.elementType(7)) else { return nil }
    for input in [1, 6] { _ = try QuantizationParameter(call, input, lines: 1) }
    quantization = Quantization(
      scaleX: 1, scaleY: 6, bias: call.inputs.has(8) ? 8 : nil,
      scaleW: try QuantizationParameter(call, 4, lines: try call.inputSizes(3)[0]),
      zeroY: try QuantizationParameter(call, 7, lines: 1), codeY: codeY)
  }

  var isQuantized: Bool { quantization != nil }
  /// The size of an element.
  var stride: Int { isQuantized ? 1 : 4 }

  /// The inputs that `write` reads.
  var inputs: [Int] {
    guard let quantization else { return [] }
    let (w, y) = (quantization.scaleW.input, quantization.bias)
    return [quantization.scaleX, quantization.scaleY] + [w, y].compactMap(\.self)
  }

  /// Adds the bias to `start`, and writes the factors of the sums.
  /// - Parameter address: the elements of an input
  func write(
    _ maps: Int, _ start: UnsafeMutablePointer<Int32>, _ scale: UnsafeMutablePointer<Float>,
    _ address: (Int) -> UnsafeMutableRawPointer?
  ) {
    guard let quantization else { return }
    func floats(_ input: Int?) -> UnsafePointer<Float>? {
      input.flatMap(address).map { UnsafePointer($0.assumingMemoryBound(to: Float.self)) }
    }
    let x = floats(quantization.scaleX)?[0] ?? 1
    let y = floats(quantization.scaleY)?[0] ?? 1
    let (w, step) = (floats(quantization.scaleW.input), quantization.scaleW.line)
    for map in 0..<maps { scale[map] = x * (w?[map * step] ?? 1) / y }
    guard let bias = quantization.bias.flatMap(address) else { return }
    let numbers = bias.assumingMemoryBound(to: Int32.self)
    for map in 0..<maps { start[map] &+= numbers[map] }
  }

  /// The zero point and the bounds of the results.
  func range(_ buffers: Buffers) -> (zero: Int32, low: Int32, high: Int32) {
    guard let quantization else { return (0, 0, 0) }
    let code = quantization.codeY
    return (
      code.value(quantization.zeroY.code(quantization.zeroY.pointer(buffers, as: UInt8.self), 0)),
      -code.offset, 255 - code.offset
    )
  }
}
