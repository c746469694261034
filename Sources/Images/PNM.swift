/// A portable pixmap of Netpbm: PBM (`P1`, `P4`), PGM (`P2`, `P5`), PPM (`P3`, `P6`) or PAM (`P7`). Only
/// the first picture of a file is read.
struct PNM {
  private var reader: ByteReader
  private var width = 0
  private var height = 0
  /// The samples of a pixel in the file: 1 or 3, and one more for the transparency of a PAM.
  private var depth = 1
  private var maximum = 1

  static func isSignature(_ head: [UInt8]) -> Bool {
    head.count > 2 && head[0] == 0x50 && (0x31...0x37).contains(head[1])
      && (isSpace(head[2]) || head[2] == 0x23)
  }

  /// - Throws: `ImageError`
  static func decode(_ data: [UInt8], pixelLimit: Int) throws(ImageError) -> Image {
    var file = PNM(reader: ByteReader(data, at: 2))
    let kind = data.count > 1 ? data[1] : 0
    switch kind {
    case 0x37: try file.readTable()
    case 0x31, 0x34: try file.readHeader(depth: 1, hasMaximum: false)
    case 0x32, 0x35: try file.readHeader(depth: 1, hasMaximum: true)
    default: try file.readHeader(depth: 3, hasMaximum: true)
    }
    try Image.checkSize(width: file.width, height: file.height, limit: pixelLimit)
    guard (1...65535).contains(file.maximum) else {
      throw .codec("expected a largest sample from 1 to 65535, found \(file.maximum)")
    }
    return switch kind {
    case 0x31: try file.textImage(isBits: true)
    case 0x32, 0x33: try file.textImage(isBits: false)
    case 0x34: try file.bitImage()
    default: try file.binaryImage()
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

  /// Reads the next byte of a header and skips comments.
  private mutating func headerByte() throws(ImageError) -> UInt8 {
    var byte = try reader.next()
    guard byte == 0x23 else { return byte }
    while byte != 10, byte != 13 { byte = try reader.next() }
    return byte
  }

  /// Reads a word of a header and the byte after it.
  private mutating func word() throws(ImageError) -> [UInt8] {
    var word: [UInt8] = []
    while word.count < 32 {
      let byte = try headerByte()
      if !Self.isSpace(byte) { word.append(byte) } else if !word.isEmpty { return word }
    }
    throw .codec("the header is corrupt")
  }

  private static func number(_ word: some Collection<UInt8>) throws(ImageError) -> Int {
    var value = 0
    for byte in word {
      guard (0x30...0x39).contains(byte), value <= Int(Int32.max) else {
        throw .codec("the numbers are invalid")
      }
      value = value * 10 + Int(byte - 0x30)
    }
    return value
  }

  private mutating func number() throws(ImageError) -> Int { try Self.number(word()) }

  private mutating func readHeader(depth: Int, hasMaximum: Bool) throws(ImageError) {
    self.depth = depth
    width = try number()
    height = try number()
    if hasMaximum { maximum = try number() }
  }

  /// Reads the header of a PAM: lines of a name and a value.
  private mutating func readTable() throws(ImageError) {
    depth = 0
    while true {
      let name = try word()
      switch String(decoding: name, as: UTF8.self) {
      case "WIDTH": width = try number()
      case "HEIGHT": height = try number()
      case "DEPTH": depth = try number()
      case "MAXVAL": maximum = try number()
      case "TUPLTYPE": _ = try word()
      case "ENDHDR":
        guard (1...4).contains(depth) else {
          throw .codec("the number of channels is not supported")
        }
        return
      default: throw .codec("the header is corrupt")
      }
    }
  }

  /// Converts a sample from the range 0 to `maximum` to 0 to 255.
  private func scaled(_ sample: Int) -> UInt8 {
    maximum == 255
      ? UInt8(clamping: sample) : UInt8(clamping: (sample * 255 + maximum / 2) / maximum)
  }

  private func image(_ pixels: [UInt8]) -> Image {
    Image(width: width, height: height, channels: depth < 3 ? 1 : 3, pixels: pixels)
  }

  private mutating func textImage(isBits: Bool) throws(ImageError) -> Image {
    // A sample takes at least a byte.
    let count = width * height * depth
    guard reader.left >= count / (isBits ? 1 : 2) else { throw .codec("the file is truncated") }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(count)
    while pixels.count < count {
      if isBits {
        // Digits may follow each other without a space. 1 is black.
        let byte = try headerByte()
        if Self.isSpace(byte) { continue }
        guard byte == 0x30 || byte == 0x31 else { throw .codec("the numbers are invalid") }
        pixels.append(byte == 0x30 ? 255 : 0)
      } else {
        pixels.append(scaled(try textSample()))
      }
    }
    return image(pixels)
  }

  /// Reads a number that may be at the end of the file.
  private mutating func textSample() throws(ImageError) -> Int {
    var digits: [UInt8] = []
    while reader.left > 0, digits.count < 8 {
      let byte = try headerByte()
      if !Self.isSpace(byte) { digits.append(byte) } else if !digits.isEmpty { break }
    }
    guard !digits.isEmpty else { throw .codec("the file is truncated") }
    return try Self.number(digits)
  }

  /// Reads rows of packed bits, the highest bit of a byte first. 1 is black.
  private mutating func bitImage() throws(ImageError) -> Image {
    let stride = (width + 7) / 8
    let start = reader.place
    try reader.skip(stride * height)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height)
    for y in 0..<height {
      for x in 0..<width {
        let byte = reader.data[start + y * stride + x / 8]
        pixels.append(byte >> (7 - x % 8) & 1 == 0 ? 255 : 0)
      }
    }
    return image(pixels)
  }

  private mutating func binaryImage() throws(ImageError) -> Image {
    let size = maximum > 255 ? 2 : 1
    let channels = depth < 3 ? 1 : 3
    let start = reader.place
    try reader.skip(width * height * depth * size)
    let data = reader.data
    if maximum == 255, depth == channels {
      return image(Array(data[start..<start + width * height * depth]))
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * channels)
    for pixel in 0..<width * height {
      for channel in 0..<channels {
        let place = start + (pixel * depth + channel) * size
        pixels.append(
          scaled(size == 1 ? Int(data[place]) : Int(data[place]) << 8 | Int(data[place + 1])))
      }
    }
    return image(pixels)
  }
}
