import ONNXFormat

/// Storages that are entries of a zip archive.
struct ZipStorages: TorchStorages {
  let file: InputFile
  let zip: ZipReader
  let isBigEndian: Bool
  private let entries: [String: ZipReader.Entry]

  /// - Parameter entries: the entry of each storage's key
  init(
    _ file: InputFile, _ zip: ZipReader, _ entries: [String: ZipReader.Entry], isBigEndian: Bool
  ) {
    self.file = file
    self.zip = zip
    self.entries = entries
    self.isBigEndian = isBigEndian
  }

  /// The bytes of all storages.
  var totalSize: Int {
    entries.values.reduce(0) { sum, entry in
      let (next, overflow) = sum.addingReportingOverflow(entry.size)
      return overflow ? Int.max : next
    }
  }

  private func entry(_ key: String) throws(FormatError) -> ZipReader.Entry {
    guard let entry = entries[key] else {
      throw FormatError(.invalid("storage \(key.quoted) is missing"))
    }
    return entry
  }

  func size(of key: String) throws(FormatError) -> Int { try entry(key).size }

  func isCompressed(_ key: String) -> Bool { entries[key]?.isCompressed == true }

  func read(
    _ range: Range<Int>, of key: String, into target: UnsafeMutableRawPointer
  ) throws(FormatError) {
    let entry = try entry(key)
    let source = ByteSource(file)
    let data = try zip.data(of: entry, in: source)
    guard entry.isCompressed else {
      return try file.read(range.count, at: data.lowerBound + range.lowerBound, into: target)
    }
    let input = try InflatingInput(source, data, size: entry.size)
    var before = range.lowerBound
    while before > 0 { before -= try input.bytes(min(before, 1 << 16)).count }
    try input.read(range.count, into: target)
  }
}

extension ZipReader {
  /// The contents of a small entry.
  func bytes(
    of entry: Entry, in source: ByteSource, limit: Int
  ) throws(FormatError) -> [UInt8] {
    guard entry.size <= limit else {
      throw FormatError(.limit("entry \(entry.name.quoted) of \(entry.size) bytes is too large"))
    }
    let data = try data(of: entry, in: source)
    return entry.isCompressed
      ? try InflatingInput(source, data, size: entry.size).bytes(entry.size)
      : try source.bytes(data)
  }

  /// Whether an entry `byteorder` says that numbers have the highest byte first.
  func isBigEndian(_ entry: Entry, in source: ByteSource) throws(FormatError) -> Bool {
    let word = try bytes(of: entry, in: source, limit: 16)
    guard word == Array("little".utf8) || word == Array("big".utf8) else {
      throw FormatError(.invalid("expected the byte order little or big"))
    }
    return word.count == 3
  }

  /// - Throws: `FormatError` for entries that share bytes, which would together be larger than the
  ///   file
  func checkSizes(of entries: [Entry], fileSize: Int) throws(FormatError) {
    var plain = 0
    for entry in entries where !entry.isCompressed {
      plain += entry.size
      guard entry.size >= 0, plain <= fileSize else {
        throw FormatError(.invalid("entries of the zip archive overlap"))
      }
    }
  }
}
