/// A Windows or OS/2 bitmap: 1, 4, 8, 16, 24 or 32 bits per pixel, uncompressed or run-length encoded,
/// bottom-up or top-down.
struct BMP {
  private let data: [UInt8]
  private var width = 0
  private var height = 0
  private var isTopDown = false
  private var bits = 0
  private var compression = 0
  /// The offset of the pixels.
  private var offset = 0
  /// The colours, 3 bytes each: red, green, blue.
  private var palette: [UInt8] = []
  private var masks = [0x7C00, 0x3E0, 0x1F]

  private static let headerSizes = [12, 40, 52, 56, 64, 108, 124]

  static func isSignature(_ head: [UInt8]) -> Bool {
    guard head.starts(with: [0x42, 0x4D]) else { return false }
    guard head.count >= 18 else { return head.count < 15 || headerSizes.contains(Int(head[14])) }
    return headerSizes.contains(Int(head[14])) && head[15...17].allSatisfy { $0 == 0 }
  }

  /// - Throws: `ImageError`
  static func decode(_ data: [UInt8], pixelLimit: Int) throws(ImageError) -> Image {
    var file = BMP(data: data)
    try file.readHeader()
    try Image.checkSize(width: file.width, height: file.height, limit: pixelLimit)
    let pixels = try file.pixels()
    let isGrey = file.bits <= 8 && file.hasGreyPalette
    guard isGrey else {
      return Image(width: file.width, height: file.height, channels: 3, pixels: pixels)
    }
    let grey = stride(from: 0, to: pixels.count, by: 3).map { pixels[$0] }
    return Image(width: file.width, height: file.height, channels: 1, pixels: grey)
  }

  private var hasGreyPalette: Bool {
    for start in stride(from: 0, to: palette.count, by: 3) {
      guard palette[start] == palette[start + 1], palette[start] == palette[start + 2] else {
        return false
      }
    }
    return true
  }

  private mutating func readHeader() throws(ImageError) {
    var reader = ByteReader(data, at: 10)
    offset = try reader.little(4)
    let size = try reader.little(4)
    guard Self.headerSizes.contains(size) else { throw .codec("the header is not supported") }
    let isShort = size == 12
    width = try reader.little(isShort ? 2 : 4)
    height = try reader.little(isShort ? 2 : 4)
    if !isShort {
      // A negative height means that the top row is first.
      isTopDown = height > Int(Int32.max)
      if isTopDown { height = (1 << 32) - height }
      guard width <= Int(Int32.max) else { throw .codec("the size is invalid") }
    }
    _ = try reader.little(2)
    bits = try reader.little(2)
    var colours = 0
    if !isShort {
      compression = try reader.little(4)
      try reader.skip(12)
      colours = try reader.little(4)
      try reader.skip(4)
    }
    // OS/2 uses these numbers for Huffman coding and 24-bit runs, which the check below rejects.
    guard [1, 4, 8, 16, 24, 32].contains(bits) else {
      throw .codec("\(bits) bits per pixel are not supported")
    }
    switch (compression, bits) {
    case (0, _), (1, 8), (2, 4): break
    case (3, 16), (3, 32), (6, 16), (6, 32):
      guard size != 64 else { throw .codec("the compression is not supported") }
    default: throw .codec("the compression is not supported")
    }
    try readMasks(&reader, size)
    if bits <= 8 { try readPalette(at: 14 + size, colours, isShort: isShort) }
  }

  private mutating func readMasks(_ reader: inout ByteReader, _ size: Int) throws(ImageError) {
    if bits == 32 { masks = [0xFF0000, 0xFF00, 0xFF] }
    guard compression == 3 || compression == 6 else { return }
    // The masks follow the shortest header and are part of all others.
    for index in masks.indices {
      masks[index] = try reader.little(4)
      let ones = masks[index] >> masks[index].trailingZeroBitCount
      guard masks[index] != 0, ones & (ones + 1) == 0 else {
        throw .codec("the colour masks are invalid")
      }
    }
  }

  private mutating func readPalette(
    at place: Int, _ colours: Int, isShort: Bool
  ) throws(ImageError) {
    let entry = isShort ? 3 : 4
    var count = colours > 0 && colours < 1 << bits ? colours : 1 << bits
    // A short palette ends at the pixels.
    if offset > place { count = min(count, (offset - place) / entry) }
    var reader = ByteReader(data, at: place)
    for _ in 0..<count {
      let (blue, green, red) = (try reader.next(), try reader.next(), try reader.next())
      palette += [red, green, blue]
      if entry == 4 { try reader.skip(1) }
    }
    guard count > 0 else { throw .codec("the palette is missing") }
  }

  /// Red, green and blue of all pixels, rows from top to bottom.
  private func pixels() throws(ImageError) -> [UInt8] {
    if compression == 1 || compression == 2 { return coloured(try runs()) }
    let stride = (width * bits + 31) / 32 * 4
    guard offset <= data.count, data.count - offset >= stride * height else {
      throw .codec("the file is truncated")
    }
    if bits <= 8 { return coloured(indices(stride)) }
    let start = offset
    let size = bits / 8
    let fields = masks.map { (shift: $0.trailingZeroBitCount, most: $0 >> $0.trailingZeroBitCount) }
    return [UInt8](unsafeUninitializedCapacity: width * height * 3) { pixels, count in
      for y in 0..<height {
        let row = start + (isTopDown ? y : height - 1 - y) * stride
        for x in 0..<width {
          let place = row + x * size
          let target = (y * width + x) * 3
          if size == 3 {
            for channel in 0..<3 { pixels[target + channel] = data[place + 2 - channel] }
            continue
          }
          var pixel = 0
          for index in 0..<size { pixel |= Int(data[place + index]) << (8 * index) }
          for (channel, field) in fields.enumerated() {
            let value = pixel >> field.shift & field.most
            pixels[target + channel] = UInt8((value * 255 + field.most / 2) / field.most)
          }
        }
      }
      count = width * height * 3
    }
  }

  /// The palette indices of packed rows.
  private func indices(_ stride: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(width * height)
    let perByte = 8 / bits
    let mask = UInt8((1 << bits) - 1)
    for y in 0..<height {
      let row = offset + (isTopDown ? y : height - 1 - y) * stride
      for x in 0..<width {
        let shift = 8 - bits - x % perByte * bits
        result.append(data[row + x / perByte] >> shift & mask)
      }
    }
    return result
  }

  /// The palette indices of run-length encoded rows. Pixels that no run covers have index 0.
  private func runs() throws(ImageError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: width * height)
    var reader = ByteReader(data, at: offset)
    var (x, y) = (0, 0)
    func put(_ index: UInt8) {
      if x < width, y < height {
        result[(isTopDown ? y : height - 1 - y) * width + x] = index
      }
      x += 1
    }
    func nibbles(_ byte: UInt8, _ index: Int) -> UInt8 {
      bits == 8 ? byte : index % 2 == 0 ? byte >> 4 : byte & 15
    }
    while y < height {
      let (length, value) = (Int(try reader.next()), try reader.next())
      if length > 0 {
        for index in 0..<length { put(nibbles(value, index)) }
        continue
      }
      switch value {
      case 0: (x, y) = (0, y + 1)
      case 1: return result
      case 2:
        x += Int(try reader.next())
        y += Int(try reader.next())
      default:
        let bytes = bits == 8 ? Int(value) : (Int(value) + 1) / 2
        var byte: UInt8 = 0
        for index in 0..<Int(value) {
          if bits == 8 || index % 2 == 0 { byte = try reader.next() }
          put(nibbles(byte, index))
        }
        if bytes % 2 == 1 { try reader.skip(1) }
      }
    }
    return result
  }

  /// The colours of palette indices. Indices beyond the palette are black.
  private func coloured(_ indices: [UInt8]) -> [UInt8] {
    let table = palette + [UInt8](repeating: 0, count: 256 * 3 - palette.count)
    return [UInt8](unsafeUninitializedCapacity: indices.count * 3) { pixels, count in
      for (place, index) in indices.enumerated() {
        for channel in 0..<3 { pixels[place * 3 + channel] = table[Int(index) * 3 + channel] }
      }
      count = indices.count * 3
    }
  }
}
