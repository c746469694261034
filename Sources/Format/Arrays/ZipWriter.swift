internal import CZlib

/// Writes a zip file entry by entry, with 64-bit sizes and offsets if they need them.
struct ZipWriter {
  typealias Write = (UnsafeRawBufferPointer) throws(FormatError) -> Void

  private struct Entry {
    var name: [UInt8]
    var method: UInt16
    var checksum: UInt32
    var packedSize: Int
    var size: Int
    var offset: Int
  }

  private let file: OutputFile
  private var offset = 0
  private var entries: [Entry] = []

  /// The smallest size or offset that is written with 64 bits.
  private let wideFrom: Int

  init(_ file: OutputFile, wideFrom: Int = Int(UInt32.max)) {
    self.file = file
    self.wideFrom = wideFrom
  }

  /// Adds an entry of the bytes that `body` writes. `body` is called twice, since the checksum precedes
  /// the bytes.
  mutating func addPlain(_ name: String, _ body: (Write) throws(FormatError) -> Void)
    throws(FormatError)
  {
    var checksum: UInt32 = 0
    var size = 0
    try body { bytes in
      checksum = crc(checksum, bytes)
      size += bytes.count
    }
    try begin(name, method: 0, checksum, packedSize: size, size: size)
    let file = file
    try body { (bytes) throws(FormatError) in try file.write(bytes) }
    offset += size
  }

  /// Adds an entry of the bytes that `body` writes, compressed (deflate).
  mutating func addCompressed(_ name: String, _ body: (Write) throws(FormatError) -> Void)
    throws(FormatError)
  {
    let deflater = try Deflater()
    try body { (bytes) throws(FormatError) in try deflater.add(bytes) }
    let packed = try deflater.finish()
    try begin(
      name, method: 8, deflater.checksum, packedSize: packed.count, size: deflater.size)
    try put(packed)
  }

  private mutating func put(_ bytes: [UInt8]) throws(FormatError) {
    let file = file
    let result: Result<Void, FormatError> = bytes.withUnsafeBytes { buffer in
      Result { () throws(FormatError) in try file.write(buffer) }
    }
    try result.get()
    offset += bytes.count
  }

  private mutating func begin(
    _ name: String, method: UInt16, _ checksum: UInt32, packedSize: Int, size: Int
  ) throws(FormatError) {
    let entry = Entry(
      name: Array(name.utf8), method: method, checksum: checksum, packedSize: packedSize,
      size: size, offset: offset)
    guard entry.name.count <= Int(UInt16.max) else {
      throw FormatError(.invalid("the name \(name.quoted) is too long for a zip file"))
    }
    entries.append(entry)
    let isWide = max(size, packedSize) >= wideFrom
    var header = ZipBytes()
    header.add(0x0403_4B50 as UInt32)
    header.addCommon(entry.method, isWide: isWide, entry.checksum)
    header.addShort(isWide ? nil : packedSize)
    header.addShort(isWide ? nil : size)
    header.add(UInt16(entry.name.count))
    header.add(UInt16(isWide ? 20 : 0))
    header.bytes += entry.name
    if isWide { header.addWide([size, packedSize]) }
    try put(header.bytes)
  }

  /// Writes the directory, which ends the file.
  mutating func finish() throws(FormatError) {
    let start = offset
    for entry in entries {
      let isWide =
        max(entry.size, entry.packedSize, entry.offset) >= wideFrom
      var record = ZipBytes()
      record.add(0x0201_4B50 as UInt32)
      record.add(45 as UInt16)
      record.addCommon(entry.method, isWide: isWide, entry.checksum)
      record.addShort(isWide ? nil : entry.packedSize)
      record.addShort(isWide ? nil : entry.size)
      record.add(UInt16(entry.name.count))
      record.add(UInt16(isWide ? 28 : 0))
      // No comment, the first disk, no attributes.
      record.bytes += [UInt8](repeating: 0, count: 10)
      record.addShort(isWide ? nil : entry.offset)
      record.bytes += entry.name
      if isWide { record.addWide([entry.size, entry.packedSize, entry.offset]) }
      try put(record.bytes)
    }
    let size = offset - start
    let isWide = offset >= wideFrom || entries.count >= Int(UInt16.max)
    var end = ZipBytes()
    if isWide {
      end.add(0x0606_4B50 as UInt32)
      end.add(44 as UInt64)
      end.add(45 as UInt16)
      end.add(45 as UInt16)
      end.add(0 as UInt64)
      for value in [entries.count, entries.count, size, start] { end.add(UInt64(value)) }
      end.add(0x0706_4B50 as UInt32)
      end.add(0 as UInt32)
      end.add(UInt64(offset))
      end.add(1 as UInt32)
    }
    end.add(0x0605_4B50 as UInt32)
    end.add(0 as UInt32)
    let count = isWide ? UInt16.max : UInt16(entries.count)
    end.add(count)
    end.add(count)
    end.addShort(isWide ? nil : size)
    end.addShort(isWide ? nil : start)
    end.add(0 as UInt16)
    try put(end.bytes)
  }
}

/// The records of a zip file, with little-endian numbers.
private struct ZipBytes {
  var bytes: [UInt8] = []

  mutating func add<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  /// 32 bits, all ones for a value that the zip64 extra field holds.
  mutating func addShort(_ value: Int?) {
    add(value.map { UInt32(truncatingIfNeeded: $0) } ?? UInt32.max)
  }
  mutating func addWide(_ values: [Int]) {
    add(1 as UInt16)
    add(UInt16(8 * values.count))
    for value in values { add(UInt64(value)) }
  }
  /// Version, flags (names are UTF-8), method, the date 1980-01-01, checksum.
  mutating func addCommon(_ method: UInt16, isWide: Bool, _ checksum: UInt32) {
    add(UInt16(isWide ? 45 : 20))
    add(0x0800 as UInt16)
    add(method)
    add(0 as UInt16)
    add(0x0021 as UInt16)
    add(checksum)
  }
}

/// Compresses bytes piece by piece.
private final class Deflater {
  private var stream = z_stream()
  private var packed: [UInt8] = []
  private(set) var checksum: UInt32 = 0
  private(set) var size = 0

  init() throws(FormatError) {
    guard
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY,
        ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw FormatError(.outOfMemory(bytes: 1 << 18)) }
  }

  deinit { deflateEnd(&stream) }

  func add(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    checksum = crc(checksum, bytes)
    size += bytes.count
    var rest = bytes
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
      try run(piece, Z_NO_FLUSH)
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
    }
  }

  func finish() throws(FormatError) -> [UInt8] {
    try run(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH)
    return packed
  }

  private func run(_ bytes: UnsafeRawBufferPointer, _ flush: Int32) throws(FormatError) {
    var output = [UInt8](repeating: 0, count: 64 << 10)
    stream.next_in = UnsafeMutablePointer(
      mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(bytes.count)
    while true {
      let status = output.withUnsafeMutableBufferPointer { buffer in
        stream.next_out = buffer.baseAddress
        stream.avail_out = UInt32(buffer.count)
        return deflate(&stream, flush)
      }
      packed += output[..<(output.count - Int(stream.avail_out))]
      guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
        throw FormatError(.outOfMemory(bytes: 1 << 18))
      }
      if flush == Z_FINISH ? status == Z_STREAM_END : stream.avail_out > 0 { return }
    }
  }
}
