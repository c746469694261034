import ONNX

/// The index of a checkpoint in several files, such as `model.safetensors.index.json`: a JSON object
/// whose `weight_map` names the file of each tensor.
struct ShardIndex: CheckpointFormat {
  static let name = "the index of several such files"

  /// The file of each tensor, in the order of the index.
  private(set) var places: [(tensor: String, file: String)] = []

  private static let longest = 64 << 20
  private static let mostFiles = 4096

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    let head = try file.prefix(4096)
    guard head.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{") else {
      return false
    }
    let key = Array("\"weight_map\"".utf8)
    return head.indices.contains { head[$0...].starts(with: key) }
  }

  init(_ file: InputFile) throws(FormatError) {
    guard file.count <= Self.longest else {
      throw FormatError(.limit("an index of more than \(Self.longest) bytes"))
    }
    do throws(ConversionError) {
      places = try Self.places(in: file)
    } catch { throw FormatError(.invalid("index of tensors: \(error)")) }
    guard !places.isEmpty else { throw FormatError(.invalid("the index names no tensors")) }
    guard files.count <= Self.mostFiles else {
      throw FormatError(.limit("an index of more than \(Self.mostFiles) files"))
    }
  }

  private static func places(
    in file: InputFile
  ) throws(ConversionError) -> [(tensor: String, file: String)] {
    var places: [(tensor: String, file: String)] = []
    var names: Set<String> = []
    var scanner = JSONScanner(try ByteSource(file).bytes(0..<file.count, for: "the index"))
    try scanner.members { (scanner, key) throws(ConversionError) in
      guard key == "weight_map", places.isEmpty else { return try scanner.skipValue() }
      try scanner.members { (scanner, tensor) throws(ConversionError) in
        let name = String(decoding: try scanner.string(), as: UTF8.self)
        guard names.insert(tensor).inserted else {
          throw ConversionError("tensor \(tensor.quoted) appears twice")
        }
        guard !["", ".", ".."].contains(name),
          !name.utf8.contains(where: { $0 == 0x2F || $0 == 0 })
        else { throw ConversionError("\(name.quoted) does not name a file in the index's folder") }
        places.append((tensor, name))
      }
    }
    try scanner.expectEnd()
    return places
  }

  /// The files, in the order in which the index names them first.
  var files: [String] {
    var seen: Set<String> = []
    return places.map(\.file).filter { seen.insert($0).inserted }
  }

  /// Opens the files of the index, which are in its folder, as one table.
  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let index = try ShardIndex(file.input)
    let folder = file.path.lastIndex(of: "/").map { String(file.path[...$0]) } ?? ""
    // An index does not name another one.
    let formats = file.formats.filter { ObjectIdentifier($0) != ObjectIdentifier(Self.self) }
    var found: [String: [String: Weights.Entry]] = [:]
    var metadata: [MetadataEntry] = []
    var layouts: Set<Weights.Layout> = []
    for name in index.files {
      let shard = try Weights(
        contentsOf: folder + name, limits: file.limits, formats: formats)
      found[name] = Dictionary(uniqueKeysWithValues: shard.entries.map { ($0.name, $0) })
      for entry in shard.metadata where !metadata.contains(where: { $0.key == entry.key }) {
        metadata.append(entry)
      }
      layouts.insert(shard.layout)
    }
    var entries: [Weights.Entry] = []
    for (tensor, file) in index.places {
      guard let entry = found[file]?.removeValue(forKey: tensor) else {
        throw FormatError(.invalid("\(file.quoted) lacks tensor \(tensor.quoted)"))
      }
      entries.append(entry)
    }
    // Tensors that the index does not name come last.
    let named = Set(index.places.map(\.tensor))
    for file in index.files {
      entries += (found[file] ?? [:]).values.filter { !named.contains($0.name) }
        .sorted { $0.name < $1.name }
    }
    var weights = Weights(entries)
    weights.metadata = metadata
    weights.layout = layouts.count == 1 ? layouts.first ?? .unknown : .unknown
    return weights
  }
}
