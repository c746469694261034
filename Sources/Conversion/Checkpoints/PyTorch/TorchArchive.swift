import ONNXFormat

/// The format of `torch.save` since PyTorch 1.6: a zip archive with `NAME/data.pkl`, one
/// `NAME/data/KEY` for each storage, and since 2.1 `NAME/byteorder`.
struct TorchArchive: TorchStorages, CheckpointFormat {
  static let name = "what torch.save writes"

  private let file: InputFile
  private let zip: ZipReader
  private let limits: ReadingLimits
  private let storages: [String: ZipReader.Entry]
  private let pickle: ZipReader.Entry
  let isBigEndian: Bool

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    guard try file.isZipArchive() else { return false }
    return try ZipReader(ByteSource(file.input)).entries.contains { isPickle($0.name) }
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    try TorchArchive(file.input, limits: file.limits).weights()
  }

  /// Whether an entry of that name holds the pickle of the tensors.
  private static func isPickle(_ name: String) -> Bool {
    name == "data.pkl" || name.hasSuffix("/data.pkl")
  }

  init(_ file: InputFile, limits: ReadingLimits) throws(FormatError) {
    let source = ByteSource(file)
    let zip = try ZipReader(source)
    let pickles = zip.entries.filter { Self.isPickle($0.name) }
    guard let pickle = pickles.first, pickles.count == 1 else {
      throw FormatError(.invalid("expected one entry data.pkl, found \(pickles.count)"))
    }
    let folder = String(pickle.name.dropLast("data.pkl".count))
    var storages: [String: ZipReader.Entry] = [:]
    var isBigEndian = false
    var plain = 0
    for entry in zip.entries {
      guard entry.name.hasPrefix(folder) else { continue }
      if !entry.isCompressed {
        // Entries that share bytes would together be larger than the file.
        plain += entry.size
        guard entry.size >= 0, plain <= file.count else {
          throw FormatError(.invalid("entries of the zip archive overlap"))
        }
      }
      let name = entry.name.dropFirst(folder.count)
      if name.hasPrefix("data/") {
        guard storages.updateValue(entry, forKey: String(name.dropFirst(5))) == nil else {
          throw FormatError(.invalid("entry \(entry.name.quoted) appears twice"))
        }
      } else if name == "byteorder" {
        let word = try Self.bytes(of: entry, zip, source, limit: 16)
        guard word == Array("little".utf8) || word == Array("big".utf8) else {
          throw FormatError(.invalid("expected the byte order little or big"))
        }
        isBigEndian = word.count == 3
      }
    }
    self.file = file
    self.zip = zip
    self.limits = limits
    self.storages = storages
    self.pickle = pickle
    self.isBigEndian = isBigEndian
  }

  /// Reads the table of tensors.
  func weights() throws(FormatError) -> Weights {
    let bytes = try Self.bytes(of: pickle, zip, ByteSource(file), limit: PickleReader.longest)
    let (root, objects) = try ByteSource.reading(bytes) { (source) throws(FormatError) in
      var reader = PickleReader(source, 0..<bytes.count)
      let root = try reader.load()
      return (root, reader.objects)
    }
    var size = 0
    for entry in storages.values {
      let (sum, overflow) = size.addingReportingOverflow(entry.size)
      size = overflow ? Int.max : sum
    }
    return try Weights(root, objects, in: self, size: size, limits: limits)
  }

  /// The contents of a small entry.
  private static func bytes(
    of entry: ZipReader.Entry, _ zip: ZipReader, _ source: ByteSource, limit: Int
  ) throws(FormatError) -> [UInt8] {
    guard entry.size <= limit else {
      throw FormatError(.limit("entry \(entry.name.quoted) of \(entry.size) bytes is too large"))
    }
    let data = try zip.data(of: entry, in: source)
    return entry.isCompressed
      ? try InflatingInput(source, data, size: entry.size).bytes(entry.size)
      : try source.bytes(data)
  }

  private func entry(_ key: String) throws(FormatError) -> ZipReader.Entry {
    guard let entry = storages[key] else {
      throw FormatError(.invalid("storage \(key.quoted) is missing"))
    }
    return entry
  }

  func size(of key: String) throws(FormatError) -> Int { try entry(key).size }

  func isCompressed(_ key: String) -> Bool { storages[key]?.isCompressed == true }

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
