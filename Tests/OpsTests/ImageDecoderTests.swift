import Foundation
import ONNX
import ONNXImages
import ONNXOperators
import OperatorLaws
import Testing

/// The only tests in this process that register an image decoder.
@Suite(.serialized) struct ImageDecoderTests {
  /// A picture of `Tests/ImagesTests/write_pictures.py`: pixel (x, y) of 9 x 5 is
  /// (20 x + 10, 40 y + 20, 5 x + 25 y + 30).
  private func file(_ name: String) throws -> Tensor {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("ImagesTests/Pictures/\(name)")
    let bytes = Array(try Data(contentsOf: url))
    return Tensor(shape: [bytes.count], bytes)
  }

  private func run(_ data: Tensor, _ attributes: [Attribute] = []) throws -> Tensor {
    let node = Node("ImageDecoder", inputs: ["x"], outputs: ["y"], attributes: attributes)
    return try #require(try checkOperator(node, [data])[0])
  }

  @Test(arguments: [
    "colour.png", "colour.bmp", "colour.tif", "colour.webp", "colour.jp2", "colour.ppm",
  ])
  func decodesColours(name: String) throws {
    Image.registerDecoder()
    let y = try run(file(name))
    #expect(y.shape == [5, 9, 3])
    #expect(try y.array(as: UInt8.self)[3 * 11..<3 * 12] == [50, 60, 65])
    let reversed = try run(file(name), [.string("pixel_format", "BGR")])
    #expect(try reversed.array(as: UInt8.self)[3 * 11..<3 * 12] == [65, 60, 50])
    let grey = try run(file(name), [.string("pixel_format", "Grayscale")])
    #expect(grey.shape == [5, 9, 1])
    // 0.299 · 50 + 0.587 · 60 + 0.114 · 65 = 57.58
    #expect(try grey.array(as: UInt8.self)[11] == 58)
  }

  @Test func spreadsGreyOverThreeColours() throws {
    Image.registerDecoder()
    let y = try run(file("grey.png"))
    #expect(y.shape == [5, 9, 3])
    #expect(try y.array(as: UInt8.self)[0..<6] == [5, 5, 5, 15, 15, 15])
    let grey = try run(file("grey.png"), [.string("pixel_format", "Grayscale")])
    #expect(try grey.array(as: UInt8.self)[0..<2] == [5, 15])
  }

  @Test func refusesWhatIsNoPicture() throws {
    Image.registerDecoder()
    #expect(throws: OperatorError.self) { try run(Tensor(shape: [0], [UInt8]())) }
    #expect(throws: OperatorError.self) { try run(Tensor(shape: [3], [1, 2, 3] as [UInt8])) }
    #expect(throws: OperatorError.self) { try run(Tensor(shape: [3], [1, 2, 3] as [Int8])) }
    #expect(throws: OperatorError.self) { try run(Tensor(shape: [1, 1], [1] as [UInt8])) }
    #expect(throws: OperatorError.self) {
      try run(file("colour.png"), [.string("pixel_format", "RGBA")])
    }
  }

  @Test func saysWhatToImportWhereNobodyDecodes() throws {
    PictureDecoding.register(nil)
    defer { Image.registerDecoder() }
    do {
      _ = try run(file("colour.png"))
      Issue.record("expected an error")
    } catch let error as OperatorError {
      #expect(
        error.description.contains("import ONNXImages")
          || error.description.contains("imports ONNXImages"))
    }
  }
}
