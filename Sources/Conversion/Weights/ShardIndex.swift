import ONNXFormat

/// The table of a checkpoint in several files, such as `model.safetensors.index.json`: an object whose
/// `weight_map` names the file of each tensor.
struct ShardIndex {
  /// Which file holds each tensor, in the table's order.
  private(set) var places: [(tensor: String, file: String)] = []
  private var names: Set<String> = []

  private static let longest = 64 << 20
  private static let mostFiles = 4096

  /// Whether a file that begins so is one.
  static func isOne(_ head: [UInt8]) -> Bool {
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
      var scanner = JSONScanner(try Self.bytes(of: file))
      try members(&scanner) { (scanner, key) throws(ConversionError) in
        guard key == "weight_map", places.isEmpty else { return try skip(&scanner, depth: 0) }
        try members(&scanner) { (scanner, tensor) throws(ConversionError) in
          let name = String(decoding: try scanner.string(), as: UTF8.self)
          guard names.insert(tensor).inserted else {
            throw ConversionError("tensor \(tensor.quoted) is named twice")
          }
          guard !["", ".", ".."].contains(name),
            !name.utf8.contains(where: { $0 == 0x2F || $0 == 0 })
          else { throw ConversionError("\(name.quoted) is not a name of a file in this folder") }
          places.append((tensor, name))
        }
      }
      guard scanner.peek() == nil else { throw scanner.error("the text goes on") }
    } catch { throw FormatError(.invalid("index of tensors: \(error)")) }
    guard !places.isEmpty else { throw FormatError(.invalid("the index names no tensors")) }
    guard files.count <= Self.mostFiles else {
      throw FormatError(.limit("tensors in more than \(Self.mostFiles) files"))
    }
  }

  /// The files, in the order in which they are named first.
  var files: [String] {
    var seen: Set<String> = []
    return places.map(\.file).filter { seen.insert($0).inserted }
  }

  private static func bytes(of file: InputFile) throws(ConversionError) -> [UInt8] {
    do throws(FormatError) { return try ByteSource(file).bytes(0..<file.count) } catch {
      throw ConversionError("\(error)")
    }
  }

  private func members(
    _ scanner: inout JSONScanner,
    _ body: (inout JSONScanner, String) throws(ConversionError) -> Void
  ) throws(ConversionError) {
    try scanner.expect("{")
    if scanner.take("}") { return }
    repeat {
      scanner.skipSpace()
      let key = String(decoding: try scanner.string(), as: UTF8.self)
      try scanner.expect(":")
      scanner.skipSpace()
      try body(&scanner, key)
    } while scanner.take(",")
    try scanner.expect("}")
  }

  /// Steps over a value of no interest.
  private func skip(_ scanner: inout JSONScanner, depth: Int) throws(ConversionError) {
    guard depth < 32 else { throw scanner.error("objects within objects, 32 deep") }
    switch scanner.peek() {
    case "{":
      try members(&scanner) { (scanner, _) throws(ConversionError) in
        try skip(&scanner, depth: depth + 1)
      }
    case "[":
      try scanner.expect("[")
      if scanner.take("]") { return }
      repeat { try skip(&scanner, depth: depth + 1) } while scanner.take(",")
      try scanner.expect("]")
    case "\"": _ = try scanner.string()
    default:
      if try scanner.number() != nil { return }
      for word in ["null", "true", "false"]
      where scanner.bytes[scanner.position...].starts(with: Array(word.utf8)) {
        scanner.position += word.utf8.count
        return
      }
      throw scanner.error("expected a value")
    }
  }
}

extension Weights {
  /// Opens the files of an index, which lie in its folder, as one table.
  init(index path: String, limits: ReadingLimits) throws(FormatError) {
    let index = try ShardIndex(InputFile(path))
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var found: [String: [String: Entry]] = [:]
    var metadata: [MetadataEntry] = []
    var layouts: Set<Layout> = []
    for file in index.files {
      let shard = try Weights(contentsOf: folder + file, limits: limits, isShard: true)
      found[file] = Dictionary(uniqueKeysWithValues: shard.entries.map { ($0.name, $0) })
      for entry in shard.metadata where !metadata.contains(where: { $0.key == entry.key }) {
        metadata.append(entry)
      }
      layouts.insert(shard.layout)
    }
    var entries: [Entry] = []
    for (tensor, file) in index.places {
      guard let entry = found[file]?.removeValue(forKey: tensor) else {
        throw FormatError(.invalid("\(file.quoted) lacks tensor \(tensor.quoted)"))
      }
      entries.append(entry)
    }
    // What the index does not name is there all the same.
    let named = Set(index.places.map(\.tensor))
    for file in index.files {
      entries += (found[file] ?? [:]).values.filter { !named.contains($0.name) }
        .sorted { $0.name < $1.name }
    }
    self.init(entries)
    self.metadata = metadata
    layout = layouts.count == 1 ? layouts.first ?? .unknown : .unknown
  }
}
