/// Reads numbers from the bytes of a file. Reading past the end throws.
struct ByteReader {
  let data: [UInt8]
  var place = 0

  init(_ data: [UInt8], at place: Int = 0) {
    self.data = data
    self.place = place
  }

  var left: Int { max(data.count - place, 0) }

  mutating func next() throws(ImageError) -> UInt8 {
    guard data.indices.contains(place) else { throw .codec("the file is truncated") }
    defer { place += 1 }
    return data[place]
  }

  /// Reads a little-endian unsigned number of `count` bytes, at most 7.
  mutating func little(_ count: Int) throws(ImageError) -> Int {
    var value = 0
    for index in 0..<count { value |= Int(try next()) << (8 * index) }
    return value
  }

  /// Reads a big-endian unsigned number of `count` bytes, at most 7.
  mutating func big(_ count: Int) throws(ImageError) -> Int {
    var value = 0
    for _ in 0..<count { value = value << 8 | Int(try next()) }
    return value
  }

  mutating func skip(_ count: Int) throws(ImageError) {
    guard count >= 0, count <= left else { throw .codec("the file is truncated") }
    place += count
  }
}
