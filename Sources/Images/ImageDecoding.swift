import ONNXOperators

extension Image {
  /// Registers the decoder that the operator `ImageDecoder` uses in all sessions of the process.
  public static func registerDecoder() {
    PictureDecoding.register(ImageCodecs())
  }

  /// The grey levels, as in Pillow's mode "L": `(19595 R + 38470 G + 7471 B + 32768) / 65536`.
  var grey: [UInt8] {
    if channels == 1 { return pixels }
    return [UInt8](unsafeUninitializedCapacity: width * height) { grey, count in
      for index in 0..<width * height {
        let red = 19595 * Int(pixels[3 * index])
        let green = 38470 * Int(pixels[3 * index + 1])
        let blue = 7471 * Int(pixels[3 * index + 2])
        grey[index] = UInt8((red + green + blue + 32768) >> 16)
      }
      count = width * height
    }
  }

  /// The RGB samples, three equal ones for each pixel of a grey picture.
  var colours: [UInt8] {
    if channels == 3 { return pixels }
    return [UInt8](unsafeUninitializedCapacity: pixels.count * 3) { colours, count in
      for (index, sample) in pixels.enumerated() {
        for channel in 0..<3 { colours[3 * index + channel] = sample }
      }
      count = pixels.count * 3
    }
  }
}

private struct ImageCodecs: PictureDecoder {
  func decode(_ data: [UInt8], isGrey: Bool) throws(OperatorError) -> DecodedPicture {
    let image: Image
    do { image = try Image(decoding: data) } catch {
      throw .invalid("the picture cannot be decoded: \(error)")
    }
    return DecodedPicture(
      width: image.width, height: image.height, pixels: isGrey ? image.grey : image.colours)
  }
}
