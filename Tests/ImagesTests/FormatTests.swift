import ONNXImages
import Testing

/// Formats of the pictures that `write_pictures.py` writes.
@Suite struct FormatTests {
  @Test(arguments: [
    "colour.bmp", "palette.bmp", "wide.bmp", "fields.bmp", "colour.tif", "lzw.tif", "deflate.tif",
    "big.tif", "turned.tif", "palette.tif", "alpha.tif", "colour.webp", "alpha.webp", "moving.webp",
    "colour.jp2", "colour.j2k", "tiles.jp2", "alpha.jp2", "colour.ppm",
  ]) func readsColourExactly(name: String) throws {
    #expect(try Image(contentsOf: path(name)) == colour)
  }

  @Test(arguments: ["grey.bmp", "runs.bmp", "grey.tif", "sixteen.tif", "grey.jp2", "grey.pgm"])
  func readsGreyExactly(name: String) throws {
    #expect(try Image(contentsOf: path(name)) == grey)
  }

  @Test(arguments: ["bits.bmp", "bits.tif", "bits.pbm"])
  func readsBits(name: String) throws {
    #expect(try Image(contentsOf: path(name)).pixels == grey.pixels.map { $0 >= 128 ? 255 : 0 })
  }

  @Test(arguments: [("lossy.webp", 40), ("lossy.jp2", 16)])
  func readsLossyFiles(name: String, tolerance: Int) throws {
    let image = try Image(contentsOf: path(name))
    #expect((image.width, image.height, image.channels) == (9, 5, 3))
    let largest = zip(image.pixels, colour.pixels).map { abs(Int($0) - Int($1)) }.max()
    #expect(try #require(largest) <= tolerance)
  }

  @Test(arguments: [
    ("P1 2 2 01\n1 0", 1, [255, 0, 0, 255]),
    ("P2\n# a comment\n2 1\n# another\n10\n5 10", 1, [128, 255]),
    ("P3 1 2 255 1 2 3 254 255 256\n", 3, [1, 2, 3, 254, 255, 255]),
    ("P5 2 1 1000\n\u{1}\u{0}\u{3}\u{58}", 1, [65, 218]),
    (
      "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 127\nTUPLTYPE RGB_ALPHA\nENDHDR\nabc!", 3,
      [195, 197, 199]
    ),
  ]) func readsPortablePixmaps(text: String, channels: Int, pixels: [UInt8]) throws {
    let image = try Image(decoding: Array(text.utf8))
    #expect(image.channels == channels)
    #expect(image.pixels == pixels)
  }

  @Test(arguments: [
    "P2 2 1 255 1", "P2 2 1 255 1 x", "P2 2 1 0 0 0", "P2 2 1 65536 0 0", "P2 0 1 255 ", "P3 1 1",
    "P4 9 1 a", "P6 1 1 255 ab", "P1 2 1 02", "P2 99999999999999999999 1 255 1",
    "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 1\nENDHDR\nabcde", "P7\nENDHDR\n",
    "P7\nSIZE 3\nENDHDR\n",
    "P5 99999 99999 255 a", "P5 2000000000 2000000000 255 a",
  ]) func refusesDamagedPixmaps(text: String) {
    #expect(throws: ImageError.self) { try Image(decoding: Array(text.utf8)) }
  }

  @Test(arguments: [
    "colour.bmp", "palette.bmp", "runs.bmp", "colour.tif", "lzw.tif", "deflate.tif", "colour.webp",
    "moving.webp", "lossy.webp", "colour.jp2", "colour.j2k", "tiles.jp2", "colour.ppm",
  ]) func refusesAFileCutAnywhere(name: String) throws {
    let whole = try bytes(of: name)
    // The last bytes of some formats only mark the end of the file.
    for count in 0..<whole.count - 4 {
      #expect(throws: ImageError.self, "\(count)") { try Image(decoding: Array(whole[..<count])) }
    }
  }

  @Test(arguments: [
    "colour.bmp", "palette.bmp", "fields.bmp", "runs.bmp", "colour.tif", "lzw.tif", "deflate.tif",
    "alpha.tif", "bits.tif", "big.tif", "palette.tif", "turned.tif", "colour.webp", "moving.webp",
    "lossy.webp", "colour.jp2", "colour.j2k", "tiles.jp2", "colour.ppm", "bits.pbm",
  ]) func survivesAnyByteChanged(name: String) throws {
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

  @Test(arguments: [
    "colour.bmp", "colour.tif", "colour.webp", "moving.webp", "colour.jp2", "colour.j2k",
    "colour.ppm",
  ]) func holdsEveryFormatToTheLimit(name: String) throws {
    #expect(throws: ImageError.codec("9 x 5 pixels exceed the limit of 44 pixels")) {
      try Image(contentsOf: path(name), pixelLimit: 44)
    }
    #expect(try Image(contentsOf: path(name), pixelLimit: 45) == colour)
  }

  @Test func refusesSizesBeyondTheLimit() {
    #expect(
      throws: ImageError.codec("9 x 2000000000 pixels exceed the limit of 100000000 pixels")
    ) { try Image(contentsOf: path("huge.bmp")) }
  }

  /// The decoder allocates tiles and precincts before it reads any data.
  @Test func refusesMoreTilesThanAPictureNeeds() throws {
    var file = try bytes(of: "colour.j2k")
    // The segment with the sizes follows the first marker: 8 numbers of 4 bytes, starting at byte 8.
    func set(_ index: Int, _ value: [UInt8]) {
      file.replaceSubrange(8 + 4 * index..<12 + 4 * index, with: value)
    }
    set(0, [0, 0, 0x20, 0])
    set(1, [0, 0, 0x20, 0])
    set(4, [0, 0, 0, 1])
    set(5, [0, 0, 0, 1])
    #expect(throws: ImageError.codec("the file has too many tiles")) { try Image(decoding: file) }
  }
}
