/// Reads numbers from a file's bytes; behind the end there are none.
struct ByteReader {
  let data: [UInt8]
  var place = 0

  init(_ data: [UInt8], at place: Int = 0) {
    self.data = data
    self.place = place
  }

  var left: Int { max(data.count - place, 0) }

  mutating func next() throws(ImageError) -> UInt8 {
    guard data.indices.contains(place) else { throw .codec("the file ends too early") }
    defer { place += 1 }
    return data[place]
  }

  /// An unsigned number of so many bytes, at most 7, the lowest first.
  mutating func little(_ count: Int) throws(ImageError) -> Int {
    var value = 0
    for index in 0..<count { value |= Int(try next()) << (8 * index) }
    return value
  }

  /// An unsigned number of so many bytes, at most 7, the highest first.
  mutating func big(_ count: Int) throws(ImageError) -> Int {
    var value = 0
    for _ in 0..<count { value = value << 8 | Int(try next()) }
    return value
  }

  mutating func skip(_ count: Int) throws(ImageError) {
    guard count >= 0, count <= left else { throw .codec("the file ends too early") }
    place += count
  }
}
