import Glibc
import ONNX
import ONNXImages
import Testing

extension Image: CustomTestStringConvertible {
  /// The size of the image.
  public var testDescription: String { "\(width) × \(height) pixels of \(channels) channels" }
}

/// A picture of `write_pictures.py`.
func path(_ name: String) -> String {
  "\(#filePath.dropLast("ImagesTests.swift".count))Pictures/\(name)"
}

let grey = picture { x, y in [10 * x + 30 * y + 5] }
let colour = picture { x, y in [20 * x + 10, 40 * y + 20, 5 * x + 25 * y + 30] }

private func picture(_ samples: (_ x: Int, _ y: Int) -> [Int]) -> Image {
  var pixels: [UInt8] = []
  for y in 0..<5 {
    for x in 0..<9 { pixels += samples(x, y).map { UInt8($0) } }
  }
  return Image(width: 9, height: 5, channels: pixels.count / 45, pixels: pixels)
}

func bytes(of name: String) throws -> [UInt8] {
  let file = try #require(fopen(path(name), "r"))
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 4096)
  let count = fread(&bytes, 1, bytes.count, file)
  return Array(bytes.prefix(count))
}

@Suite struct DecodingTests {
  @Test(arguments: [
    "colour.png", "alpha.png", "palette.png", "sixteen.png", "interlaced.png",
  ]) func readsColourPNG(name: String) throws {
    #expect(try Image(contentsOf: path(name)) == colour)
  }

  @Test func readsGreyPNG() throws {
    #expect(try Image(contentsOf: path("grey.png")) == grey)
    let bits = try Image(contentsOf: path("bits.png"))
    #expect(bits.pixels == grey.pixels.map { $0 >= 128 ? 255 : 0 })
  }

  @Test(arguments: [
    ("grey.jpg", grey), ("colour.jpg", colour), ("progressive.jpg", colour), ("cmyk.jpg", colour),
  ]) func readsJPEG(name: String, original: Image) throws {
    let image = try Image(contentsOf: path(name))
    #expect((image.width, image.height, image.channels) == (9, 5, original.channels))
    let largest = zip(image.pixels, original.pixels).map { abs(Int($0) - Int($1)) }.max()
    #expect(try #require(largest) <= 6)
  }

  @Test(arguments: [grey, colour]) func writesWhatItReads(image: Image) throws {
    #expect(try Image(decoding: image.pngData()) == image)
  }
}

@Suite struct BadPictureTests {
  @Test(arguments: ["grey.png", "interlaced.png", "colour.jpg", "progressive.jpg", "cmyk.jpg"])
  func refusesAFileCutAnywhere(name: String) throws {
    let whole = try bytes(of: name)
    // An empty chunk or a marker of two bytes follows the pixels; decoding works without it.
    for count in 0..<whole.count - 12 {
      #expect(throws: ImageError.self) { try Image(decoding: Array(whole[..<count])) }
    }
  }

  @Test(arguments: ["palette.png", "sixteen.png", "colour.jpg", "progressive.jpg", "cmyk.jpg"])
  func survivesAnyByteChanged(name: String) throws {
    let whole = try bytes(of: name)
    for index in whole.indices {
      for value in [0, 1, 0x7F, 0xFF, whole[index] ^ 0x10] {
        var changed = whole
        changed[index] = value
        if let image = try? Image(decoding: changed, pixelLimit: 10_000) {
          #expect(image.pixels.count == image.width * image.height * image.channels)
        }
      }
    }
  }

  @Test func refusesSizesBeyondTheLimitBeforeItAllocates() throws {
    #expect(
      throws: ImageError.codec(
        "2000000 x 2000000 pixels exceed the limit of 100000000 pixels")
    ) { try Image(contentsOf: path("huge.png")) }
    #expect(throws: ImageError.codec("9 x 5 pixels exceed the limit of 44 pixels")) {
      try Image(contentsOf: path("grey.jpg"), pixelLimit: 44)
    }
    #expect(try Image(contentsOf: path("grey.jpg"), pixelLimit: 45).width == 9)
  }

  @Test func refusesWhatIsNoPicture() {
    #expect(throws: ImageError.unknownFormat) { try Image(decoding: []) }
    #expect(throws: ImageError.unknownFormat) { try Image(decoding: Array("a text".utf8)) }
    #expect(throws: ImageError.file(path: "/nowhere/x.png", ENOENT)) {
      try Image(contentsOf: "/nowhere/x.png")
    }
    #expect(throws: ImageError.file(path: "/tmp", EISDIR)) { try Image(contentsOf: "/tmp") }
    #expect(throws: ImageError.self) { try Image(contentsOf: path("empty.png")) }
  }
}

@Suite struct ImageTensorTests {
  @Test func givesSamplesFromZeroToOneByChannel() throws {
    let tensor = try colour.tensor()
    #expect(tensor.shape == [1, 3, 5, 9])
    let samples = try tensor.array(as: Float.self)
    #expect(samples[0..<2] == [Float(10) / 255, Float(30) / 255])
    #expect(samples[45] == Float(20) / 255)
    #expect(samples[90..<92] == [Float(30) / 255, Float(35) / 255])
  }

  @Test func subtractsTheMeanThenScales() throws {
    let tensor = try colour.tensor(mean: [0.5, 0, 0], scale: [2])
    let samples = try tensor.array(as: Float.self)
    #expect(samples[0] == (Float(10) / 255 - 0.5) * 2)
    #expect(samples[45] == Float(20) / 255 * 2)
  }

  @Test func convertsBetweenGreyAndColour() throws {
    let luma = try colour.tensor(channels: 1).array(as: Float.self)
    let expected: Float = (0.299 * 10 + 0.587 * 20 + 0.114 * 30) / 255
    #expect(abs(luma[0] - expected) < 1e-6)
    let spread = try grey.tensor(channels: 3).array(as: Float.self)
    #expect(spread[0..<45] == spread[45..<90])
    #expect(spread[0..<45] == spread[90..<135])
  }

  /// The expected numbers are from Pillow; `write_pictures.py` prints them.
  @Test(arguments: [
    (3, 2, [0: 47.5, 1: 75.0, 2: 102.5, 3: 107.5, 4: 135.0, 5: 162.5]),
    (4, 7, [0: 13.2857, 1: 33.5366, 2: 56.4634, 3: 76.7143, 17: 114.9652, 27: 196.7143]),
    (11, 3, [0: 17.8571, 1: 25.1299, 10: 97.8571, 16: 105.0, 32: 192.1429]),
  ]) func resizesLinearly(width: Int, height: Int, expected: [Int: Float]) throws {
    let tensor = try grey.tensor(height: height, width: width, scale: [255])
    #expect(tensor.shape == [1, 1, height, width])
    let samples = try tensor.array(as: Float.self)
    for (index, value) in expected { #expect(abs(samples[index] - value) < 1e-3) }
  }

  @Test func refusesWhatCannotBe() {
    #expect(throws: ImageError.self) { try grey.tensor(channels: 4) }
    #expect(throws: ImageError.self) { try grey.tensor(height: 0) }
    #expect(throws: ImageError.self) { try grey.tensor(height: Int.max, width: Int.max) }
    #expect(throws: ImageError.self) { try grey.tensor(mean: [0, 0, 0]) }
  }

  @Test func comesFromATensor() throws {
    #expect(try Image(colour.tensor()) == colour)
    let clamped = try Image(Tensor(shape: [1, 3], [-1, 0.5, .infinity] as [Float]))
    #expect(clamped.pixels == [0, 128, 255])
    #expect(throws: ImageError.self) { try Image(Tensor(shape: [4], [0, 0, 0, 0] as [Float])) }
    #expect(throws: ImageError.self) { try Image(Tensor(shape: [2, 0], [] as [Float])) }
  }
}
