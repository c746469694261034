import ONNXFormat

/// The format of `torch.save` since PyTorch 1.6: a zip archive with `NAME/data.pkl`, one
/// `NAME/data/KEY` for each storage, and since 2.1 `NAME/byteorder`.
struct TorchArchive: CheckpointFormat {
  static let name = "what torch.save writes"

  private let file: InputFile
  private let zip: ZipReader
  private let limits: ReadingLimits
  private let storages: ZipStorages
  private let pickle: ZipReader.Entry

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
    let entries = zip.entries.filter { $0.name.hasPrefix(folder) }
    try zip.checkSizes(of: entries, fileSize: file.count)
    var storages: [String: ZipReader.Entry] = [:]
    var isBigEndian = false
    for entry in entries {
      let name = entry.name.dropFirst(folder.count)
      if name.hasPrefix("data/") {
        guard storages.updateValue(entry, forKey: String(name.dropFirst(5))) == nil else {
          throw FormatError(.invalid("entry \(entry.name.quoted) appears twice"))
        }
      } else if name == "byteorder" {
        isBigEndian = try zip.isBigEndian(entry, in: source)
      }
    }
    self.file = file
    self.zip = zip
    self.limits = limits
    self.storages = ZipStorages(file, zip, storages, isBigEndian: isBigEndian)
    self.pickle = pickle
  }

  /// Reads the table of tensors.
  func weights() throws(FormatError) -> Weights {
    let bytes = try zip.bytes(of: pickle, in: ByteSource(file), limit: PickleReader.longest)
    let (root, objects) = try ByteSource.reading(bytes) { (source) throws(FormatError) in
      var reader = PickleReader(source, 0..<bytes.count)
      let root = try reader.load()
      return (root, reader.objects)
    }
    return try Weights(root, objects, in: storages, size: storages.totalSize, limits: limits)
  }
}
