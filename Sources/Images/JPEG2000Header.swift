/// The headers of a JPEG 2000 codestream (ISO/IEC 15444-1, annex A).
///
/// The decoder allocates every tile and precinct that the headers declare before it reads any data. A
/// few bytes could exhaust the memory, so tiles and precincts are counted first.
struct JPEG2000Header {
  private var reader: ByteReader
  private var width = 0
  private var height = 0
  private var components = 0

  private static let tileLimit = 16384
  private static let precinctLimit = 1 << 22

  private enum Marker {
    static let size = 0xFF51
    static let coding = 0xFF52
    static let componentCoding = 0xFF53
    static let tilePart = 0xFF90
    static let data = 0xFF93
    static let end = 0xFFD9
  }

  /// - Throws: `ImageError` for a file without a codestream
  init(_ data: [UInt8]) throws(ImageError) {
    reader = ByteReader(data)
    guard data.first != 0xFF else { return }
    // A box: its size, its kind and its contents. Size 1 means that a size of 8 bytes follows the kind,
    // size 0 that the box is the rest of the file.
    while true {
      let start = reader.place
      var size = try reader.big(4)
      let kind = try reader.big(4)
      if kind == 0x6A70_3263 {
        if size == 1 { try reader.skip(8) }
        return
      }
      if size == 1 {
        guard try reader.big(1) == 0 else { throw .codec("the boxes are corrupt") }
        size = try reader.big(7)
      }
      guard size >= reader.place - start else { throw .codec("the boxes are corrupt") }
      try reader.skip(size - (reader.place - start))
    }
  }

  /// Checks the numbers of tiles and precincts.
  /// - Throws: `ImageError` for invalid headers or too many parts
  mutating func check() throws(ImageError) {
    guard try reader.big(2) == 0xFF4F else { throw .codec("the file has no JPEG 2000 codestream") }
    try readSegments(isMain: true)
    guard components > 0 else { throw .codec("the size is missing") }
  }

  private mutating func readSegments(isMain: Bool) throws(ImageError) {
    while reader.left >= 4 {
      let start = reader.place
      let marker = try reader.big(2)
      if marker == Marker.end { return }
      if marker == Marker.data { return }
      let length = try reader.big(2)
      guard marker > 0xFF00, length >= 2 else { throw .codec("the markers are corrupt") }
      switch marker {
      case Marker.size where isMain: try readSize()
      case Marker.coding: try readCoding(isComponent: false)
      case Marker.componentCoding: try readCoding(isComponent: true)
      case Marker.tilePart where isMain:
        try readTilePart(start)
        continue
      default: break
      }
      reader.place = start + 2
      // The decoder reports a truncated segment.
      guard length <= reader.left else { return }
      reader.place += length
    }
  }

  private mutating func readSize() throws(ImageError) {
    _ = try reader.big(2)
    let right = try reader.big(4)
    let bottom = try reader.big(4)
    let (left, top) = (try reader.big(4), try reader.big(4))
    let (tileWidth, tileHeight) = (try reader.big(4), try reader.big(4))
    let (tileLeft, tileTop) = (try reader.big(4), try reader.big(4))
    components = try reader.big(2)
    guard right > left, bottom > top, tileWidth > 0, tileHeight > 0, tileLeft <= left,
      tileTop <= top
    else { throw .codec("the size is invalid") }
    (width, height) = (right - left, bottom - top)
    let columns = (right - tileLeft + tileWidth - 1) / tileWidth
    let rows = (bottom - tileTop + tileHeight - 1) / tileHeight
    let (tiles, overflow) = columns.multipliedReportingOverflow(by: rows)
    guard !overflow, tiles <= Self.tileLimit else { throw .codec("the file has too many tiles") }
    guard (1...4).contains(components) else {
      throw .codec("the number of channels is not supported")
    }
  }

  /// Reads the sizes of precincts from a coding style, one byte for each resolution.
  private mutating func readCoding(isComponent: Bool) throws(ImageError) {
    if isComponent { _ = try reader.big(1) }
    guard try reader.big(1) & 1 == 1 else { return }
    if !isComponent { _ = try reader.big(4) }
    let levels = try reader.big(1)
    _ = try reader.big(4)
    guard levels <= 32, components > 0 else { throw .codec("the coding style is invalid") }
    for level in 0...levels {
      let sizes = try reader.big(1)
      let scale = min(levels - level, 31)
      let across = (width >> (scale + (sizes & 15))) + 2
      let down = (height >> (scale + (sizes >> 4))) + 2
      let (count, overflow) = across.multipliedReportingOverflow(by: down)
      guard !overflow, count <= Self.precinctLimit else {
        throw .codec("the file has too many precincts")
      }
    }
  }

  /// Reads the header of a tile-part and moves on to the next one.
  private mutating func readTilePart(_ start: Int) throws(ImageError) {
    _ = try reader.big(2)
    let length = try reader.big(4)
    _ = try reader.big(2)
    try readSegments(isMain: false)
    // Length 0 means the rest of the file.
    guard length >= 12, length <= reader.data.count - start else {
      reader.place = reader.data.count
      return
    }
    reader.place = start + length
  }
}
