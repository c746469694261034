/// What a JPEG 2000 codestream (ISO/IEC 15444-1, annex A) says of its parts.
///
/// The decoder sets up every tile and precinct a file announces before it sees any data: a few bytes
/// could bid it fill the memory, so they are counted first.
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
    // A box: its size, its kind, what it holds. Size 1 stands for one of 8 bytes, 0 for the rest.
    while true {
      let start = reader.place
      var size = try reader.big(4)
      let kind = try reader.big(4)
      if kind == 0x6A70_3263 {
        if size == 1 { try reader.skip(8) }
        return
      }
      if size == 1 {
        guard try reader.big(1) == 0 else { throw .codec("its boxes are damaged") }
        size = try reader.big(7)
      }
      guard size >= reader.place - start else { throw .codec("its boxes are damaged") }
      try reader.skip(size - (reader.place - start))
    }
  }

  /// Throws where the parts are more than a picture needs.
  mutating func check() throws(ImageError) {
    guard try reader.big(2) == 0xFF4F else { throw .codec("it has no JPEG 2000 codestream") }
    try readSegments(isMain: true)
    guard components > 0 else { throw .codec("its size is missing") }
  }

  private mutating func readSegments(isMain: Bool) throws(ImageError) {
    while reader.left >= 4 {
      let start = reader.place
      let marker = try reader.big(2)
      if marker == Marker.end { return }
      if marker == Marker.data { return }
      let length = try reader.big(2)
      guard marker > 0xFF00, length >= 2 else { throw .codec("its markers are damaged") }
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
      // A segment that the file cuts off is the decoder's to refuse.
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
    else { throw .codec("its size is damaged") }
    (width, height) = (right - left, bottom - top)
    let columns = (right - tileLeft + tileWidth - 1) / tileWidth
    let rows = (bottom - tileTop + tileHeight - 1) / tileHeight
    let (tiles, overflow) = columns.multipliedReportingOverflow(by: rows)
    guard !overflow, tiles <= Self.tileLimit else { throw .codec("it has too many tiles") }
    guard (1...4).contains(components) else { throw .codec("its channels are not supported") }
  }

  /// Where coding styles give sizes of precincts, one byte for each resolution.
  private mutating func readCoding(isComponent: Bool) throws(ImageError) {
    if isComponent { _ = try reader.big(1) }
    guard try reader.big(1) & 1 == 1 else { return }
    if !isComponent { _ = try reader.big(4) }
    let levels = try reader.big(1)
    _ = try reader.big(4)
    guard levels <= 32, components > 0 else { throw .codec("its coding style is damaged") }
    for level in 0...levels {
      let sizes = try reader.big(1)
      let scale = min(levels - level, 31)
      let across = (width >> (scale + (sizes & 15))) + 2
      let down = (height >> (scale + (sizes >> 4))) + 2
      let (count, overflow) = across.multipliedReportingOverflow(by: down)
      guard !overflow, count <= Self.precinctLimit else {
        throw .codec("it has too many precincts")
      }
    }
  }

  /// The header of a tile's part, and then what is behind that part.
  private mutating func readTilePart(_ start: Int) throws(ImageError) {
    _ = try reader.big(2)
    let length = try reader.big(4)
    _ = try reader.big(2)
    try readSegments(isMain: false)
    // Length 0 is the rest of the file.
    guard length >= 12, length <= reader.data.count - start else {
      reader.place = reader.data.count
      return
    }
    reader.place = start + length
  }
}
