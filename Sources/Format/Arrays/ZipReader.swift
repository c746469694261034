/// The directory of a zip file. Its sizes and offsets are checked against the size of the file.
package struct ZipReader: Sendable {
  /// A file in the archive.
  package struct Entry: Sendable {
    package var name: String
    package var isCompressed: Bool
    package var checksum: UInt32
    package var size: Int
    fileprivate var packedSize: Int
    fileprivate var header: Int
  }

  package let entries: [Entry]

  private enum Signature {
    static let end: UInt32 = 0x0605_4B50
    static let end64: UInt32 = 0x0606_4B50
    static let end64Locator: UInt32 = 0x0706_4B50
    static let entry: UInt32 = 0x0201_4B50
    static let local: UInt32 = 0x0403_4B50
  }

  /// Reads the directory at the end of the file.
  package init(_ source: ByteSource) throws(FormatError) {
    let directory = try Self.directory(source)
    var entries: [Entry] = []
    var position = directory.lowerBound
    while position < directory.upperBound {
      entries.append(try Self.entry(source, &position, directory.upperBound))
    }
    self.entries = entries
  }

  /// The range of the central directory.
  private static func directory(_ source: ByteSource) throws(FormatError) -> Range<Int> {
    // The end record is 22 bytes and a comment of up to 64 KB.
    let tailStart = max(0, source.count - 22 - 0xFFFF)
    let tail = ZipRecord(bytes: try source.bytes(tailStart..<source.count))
    var offset = tail.bytes.count - 22
    while offset >= 0,
      tail.uint32(offset) != Signature.end
        || offset + 22 + Int(tail.uint16(offset + 20)) != tail.bytes.count
    {
      offset -= 1
    }
    guard offset >= 0 else {
      let head = try source.bytes(0..<min(4, source.count))
      let isCut = head == [0x50, 0x4B, 3, 4]
      throw FormatError(
        .invalid(
          isCut
            ? "the zip archive is cut off: its directory, which is at the end, is missing; copy or "
              + "download the file again"
            : "not a zip file"))
    }
    var size = UInt64(tail.uint32(offset + 12))
    var start = UInt64(tail.uint32(offset + 16))
    if offset >= 20, tail.uint32(offset - 20) == Signature.end64Locator {
      let record = tail.uint64(offset - 12)
      guard record <= UInt64(source.count), UInt64(source.count) - record >= 56 else {
        throw FormatError(
          .malformed("the zip file's directory is not where the file says", offset: 0))
      }
      let end64 = ZipRecord(bytes: try source.bytes(Int(record)..<Int(record) + 56))
      guard end64.uint32(0) == Signature.end64 else {
        throw FormatError(
          .malformed("the zip file's directory is not where the file says", offset: Int(record)))
      }
      size = end64.uint64(40)
      start = end64.uint64(48)
    }
    guard start <= UInt64(source.count), size <= UInt64(source.count) - start else {
      throw FormatError(
        .malformed("the zip file's directory extends beyond the end of the file", offset: 0))
    }
    return Int(start)..<Int(start + size)
  }

  private static func entry(_ source: ByteSource, _ position: inout Int, _ end: Int)
    throws(FormatError) -> Entry
  {
    let start = position
    guard end - start >= 46 else {
      throw FormatError(
        .malformed("an entry of the zip file's directory is cut short", offset: start))
    }
    let record = ZipRecord(bytes: try source.bytes(start..<start + 46))
    let nameLength = Int(record.uint16(28))
    let extraLength = Int(record.uint16(30))
    let total = 46 + nameLength + extraLength + Int(record.uint16(32))
    guard record.uint32(0) == Signature.entry, total <= end - start else {
      throw FormatError(
        .malformed("an entry of the zip file's directory is damaged", offset: start))
    }
    position = start + total
    let nameStart = start + 46
    let name = String(
      decoding: try source.bytes(nameStart..<nameStart + nameLength), as: UTF8.self)
    let extra = ZipRecord(
      bytes: try source.bytes(nameStart + nameLength..<nameStart + nameLength + extraLength))

    guard record.uint16(8) & 1 == 0 else {
      throw FormatError(.unsupported("encrypted zip files"), in: "entry \(name.quoted)")
    }
    let method = record.uint16(10)
    guard method == 0 || method == 8 else {
      throw FormatError(
        .unsupported("zip compression method \(method)"), in: "entry \(name.quoted)")
    }
    // The zip64 extra field holds, in this order, the values of the fields that are all ones.
    var wide = extra.zip64Values()
    func value(_ offset: Int) -> UInt64 {
      let short = record.uint32(offset)
      guard short == .max else { return UInt64(short) }
      return wide.isEmpty ? UInt64(short) : wide.removeFirst()
    }
    let size = value(24)
    let packedSize = value(20)
    let local = value(42)
    guard local <= UInt64(source.count), UInt64(source.count) - local >= 30 else {
      throw FormatError(
        .malformed("entry \(name.quoted) starts beyond the end of the file", offset: start))
    }
    guard size <= UInt64(Int.max), packedSize <= UInt64(source.count),
      method == 8 || size == packedSize
    else {
      throw FormatError(.malformed("entry \(name.quoted) is damaged", offset: start))
    }
    return Entry(
      name: name, isCompressed: method == 8, checksum: record.uint32(16), size: Int(size),
      packedSize: Int(packedSize), header: Int(local))
  }

  /// The range of the entry's bytes in the file.
  package func data(of entry: Entry, in source: ByteSource) throws(FormatError) -> Range<Int> {
    let header = ZipRecord(bytes: try source.bytes(entry.header..<entry.header + 30))
    let start = entry.header + 30 + Int(header.uint16(26)) + Int(header.uint16(28))
    guard header.uint32(0) == Signature.local, start <= source.count,
      entry.packedSize <= source.count - start
    else {
      throw FormatError(.malformed("an entry of the zip file is damaged", offset: entry.header))
    }
    return start..<start + entry.packedSize
  }
}

/// Little-endian numbers in the bytes of a zip file.
private struct ZipRecord {
  let bytes: [UInt8]

  func uint16(_ offset: Int) -> UInt16 { UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 }
  func uint32(_ offset: Int) -> UInt32 {
    UInt32(uint16(offset)) | UInt32(uint16(offset + 2)) << 16
  }
  func uint64(_ offset: Int) -> UInt64 {
    UInt64(uint32(offset)) | UInt64(uint32(offset + 4)) << 32
  }

  /// The values of the zip64 extra field, if it is among these extra fields.
  func zip64Values() -> [UInt64] {
    var offset = 0
    while offset + 4 <= bytes.count {
      let size = Int(uint16(offset + 2))
      let start = offset + 4
      guard size <= bytes.count - start else { return [] }
      if uint16(offset) == 1 {
        return stride(from: start, through: start + size - 8, by: 8).map { uint64($0) }
      }
      offset = start + size
    }
    return []
  }
}
