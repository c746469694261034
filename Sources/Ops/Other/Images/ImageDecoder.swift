import ONNXFormat
import ONNXOperators
import ONNXShape

/// Decodes the bytes of an image file to samples `[H, W, C]`: red, green and blue, or blue, green and red,
/// or grey, computed like mode "L" of Pillow.
///
/// Data that cannot be decoded is an error, as in the reference evaluator; the text of the standard
/// defines an empty result.
struct ImageDecoder: Operator {
  static let schema = Schema("ImageDecoder", [20: .uint8], inputs: 1...1)
  let format: Format

  enum Format: String, CaseIterable {
    case rgb = "RGB"
    case bgr = "BGR"
    case grey = "Grayscale"
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.choice(
      "pixel_format", default: "RGB", among: Format.allCases.map(\.rawValue))
    format = Format(rawValue: name) ?? .rgb
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.tensor(0, .uint8)
    _ = try inputs.shape(0, rank: 1)
    return [.tensor(.uint8, [.unknown, .unknown, .size(format == .grey ? 1 : 3)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      guard let decoder = PictureDecoding.decoder else {
        throw .unsupported(
          "images without a decoder; import ONNXImages and call Image.registerDecoder()")
      }
      let data = Array(try call.tensor(0).elements(as: UInt8.self))
      let picture = try decoder.decode(data, isGrey: format == .grey)
      let shape = [picture.height, picture.width, format == .grey ? 1 : 3]
      guard shape.elementCount == picture.pixels.count else {
        throw .invalid("the decoder returned \(picture.pixels.count) samples for shape \(shape)")
      }
      let result = try call.allocate(.uint8, shape)
      let y = result.storage.pointer.assumingMemoryBound(to: UInt8.self)
      picture.pixels.withUnsafeBufferPointer { x in
        for i in x.indices { y[i] = x[i] }
        guard format == .bgr else { return }
        for i in stride(from: 0, to: x.count, by: 3) { (y[i], y[i + 2]) = (x[i + 2], x[i]) }
      }
      return [.tensor(result)]
    }
  }
}
