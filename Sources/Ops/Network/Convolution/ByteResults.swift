import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The steps from the sums of an 8-bit convolution to its results: the sums themselves, or
/// `saturate(round((bias + sum) · sx · sw / sy) + zy)`.
struct ByteResults: Sendable {
  private struct Quantization: Sendable {
    let scaleX: QuantizationParameter
    let scaleW: QuantizationParameter
    let scaleY: QuantizationParameter
    let zeroY: QuantizationParameter
    let codeY: ByteCode
    let bias: Int?
  }
  private let quantization: Quantization?

  /// The sums.
  static let sums = ByteResults(quantization: nil)

  private init(quantization: Quantization?) { self.quantization = quantization }

  /// The results of `QLinearConv`.
  init?(quantized call: Preparation) throws(OperatorError) {
    guard let codeY = ByteCode(try call.elementType(7)) else { return nil }
    quantization = Quantization(
      scaleX: try QuantizationParameter(call, 1, lines: 1),
      scaleW: try QuantizationParameter(call, 4, lines: try call.inputSizes(3)[0]),
      scaleY: try QuantizationParameter(call, 6, lines: 1),
      zeroY: try QuantizationParameter(call, 7, lines: 1), codeY: codeY,
      bias: call.inputs.has(8) ? 8 : nil)
  }

  var isQuantized: Bool { quantization != nil }
  /// The size of an element.
  var stride: Int { isQuantized ? 1 : 4 }

  /// Adds the bias to `start`, and writes the factors of the sums.
  func prepare(
    _ buffers: Buffers, maps: Int, start: UnsafeMutablePointer<Int32>,
    scale: UnsafeMutablePointer<Float>
  ) {
    guard let quantization else { return }
    let x = quantization.scaleX.scale(buffers, .float32, line: 0)
    let y = quantization.scaleY.scale(buffers, .float32, line: 0)
    for map in 0..<maps {
      scale[map] = x * quantization.scaleW.scale(buffers, .float32, line: map) / y
    }
    guard let bias = quantization.bias else { return }
    let numbers = buffers.input(bias, as: Int32.self)
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
