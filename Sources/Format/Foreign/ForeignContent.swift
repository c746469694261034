/// The parts of a file that tell its kind: the first bytes, the names in a zip archive, and the
/// numbers of a protobuf message's fields.
struct ForeignContent: Sendable {
  /// The first 4096 bytes.
  let head: [UInt8]
  /// The number of bytes.
  let count: Int
  /// The names of a zip archive's entries.
  let entries: [String]
  private let fields: Set<Int>
  /// The first two bytes in a gzip file that does not state a name.
  private let packedHead: [UInt8]
  /// The bytes of the graph that a model states, and those that follow, where the file ends before.
  let cutGraph: (size: Int, present: Int)?
  private let path: String?

  /// The fields whose numbers are read.
  private static let fieldLimit = 4096

  init(_ source: ByteSource, path: String?) {
    head = (try? source.bytes(0..<min(source.count, 4096))) ?? []
    count = source.count
    self.path = path
    let isArchive = head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6])
    entries = isArchive ? ((try? ZipReader(source))?.entries.map(\.name) ?? []) : []
    let isPlainGzip = head.starts(with: [0x1F, 0x8B, 8, 0]) && source.count > 18
    packedHead =
      isPlainGzip
      ? (try? InflatingInput(source, 10..<source.count, size: 2).bytes(2)) ?? [] : []
    (fields, cutGraph) = head.first == 0x08 ? Self.fields(source) : ([], nil)
  }

  /// The numbers of a message's outermost fields; empty for bytes that are no message.
  private static func fields(
    _ source: ByteSource
  ) -> (fields: Set<Int>, cutGraph: (size: Int, present: Int)?) {
    var fields: Set<Int> = []
    var position = 0
    func varint() -> Int? {
      var value: UInt64 = 0
      for shift in stride(from: 0, to: 63, by: 7) {
        guard position < source.count, let piece = try? source.bytes(position..<position + 1),
          let byte = piece.first
        else { return nil }
        position += 1
        value |= UInt64(byte & 0x7F) << UInt64(shift)
        if byte < 0x80 { return Int(exactly: value) }
      }
      return nil
    }
    for _ in 0..<fieldLimit where position < source.count {
      guard let key = varint(), key >> 3 > 0 else { return ([], nil) }
      fields.insert(key >> 3)
      switch key & 7 {
      case 0: guard varint() != nil else { return ([], nil) }
      case 1: position += 8
      case 2:
        guard let length = varint() else { return ([], nil) }
        let present = source.count - position
        guard length <= present else { return ([], key >> 3 == 7 ? (length, present) : nil) }
        position += length
      case 5: position += 4
      default: return ([], nil)
      }
    }
    return (position > source.count ? [] : fields, nil)
  }

  func has(_ text: String, at offset: Int) -> Bool { has(Array(text.utf8), at: offset) }

  func has(_ bytes: [UInt8], at offset: Int) -> Bool {
    head.count >= offset + bytes.count && head[offset...].starts(with: bytes)
  }

  func hasEntry(endingIn suffix: String) -> Bool {
    entries.contains { $0 == suffix || $0.hasSuffix("/" + suffix) }
  }

  func hasEntry(containing part: String) -> Bool { entries.contains { $0.contains(part) } }

  /// An HDF5 file begins at 0 or, after a block of the user's, at 512, 1024, 2048.
  var isHDF5: Bool {
    [0, 512, 1024, 2048].contains { has([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], at: $0) }
  }

  var isZip: Bool {
    has([0x50, 0x4B, 3, 4], at: 0) || has([0x50, 0x4B, 5, 6], at: 0)
  }

  var isZero: Bool { !head.isEmpty && head.allSatisfy { $0 == 0 } }

  var isSafetensors: Bool {
    guard has("{\"", at: 8) else { return false }
    let length = head[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return length <= 100_000_000
  }

  /// `PROTO` and an opcode that may follow, or text of protocol 0 that names a module.
  var isPickle: Bool {
    guard head.count > 2, head[0] == 0x80, (2...5).contains(head[1]) else {
      return startsText("ccopy_reg") || startsText("cnumpy") || startsText("(dp0")
    }
    return "c(]}X\u{8C}KMJGlt)".unicodeScalars.contains { $0.value == UInt32(head[2]) }
      || head[2] == 0x95 || head[2] == 0x8A
  }

  /// The magic number with which `torch.save` began before PyTorch 1.6.
  var isTorchPickle: Bool {
    has([0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19], at: 2)
  }

  /// A Core ML specification: a version, a description, and the model in a field of 200 or more.
  var isCoreML: Bool { fields.isSuperset(of: [1, 2]) && fields.contains { $0 >= 200 } }

  /// A SavedModel has a version 1 and meta graphs, each of which begins with its `MetaInfoDef`.
  var isSavedModel: Bool {
    guard fields == [1, 2], has([0x08, 0x01, 0x12], at: 0) else { return false }
    let afterLength = head.dropFirst(3).drop { $0 >= 0x80 }.dropFirst()
    return afterLength.first == 0x0A
  }

  /// A GraphDef begins with a node: its name, and an operator such as `Placeholder`.
  var isGraphDef: Bool {
    var rest = head[...]
    func length(_ key: UInt8) -> Int? {
      guard rest.popFirst() == key else { return nil }
      var value = 0
      for shift in [0, 7, 14, 21, 28] {
        guard let byte = rest.popFirst() else { return nil }
        value |= Int(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }
    guard length(0x0A) != nil, let name = length(0x0A), name <= rest.count else { return false }
    rest = rest.dropFirst(name)
    guard let size = length(0x12), (2...64).contains(size), size <= rest.count else { return false }
    let type = rest.prefix(size)
    return type.allSatisfy {
      ("A"..."Z").contains($0) || ("a"..."z").contains($0) || ("0"..."9").contains($0)
    }
      && ("A"..."Z").contains(type.first ?? 0)
  }

  /// The weights next to an OpenVINO `.xml` have no mark of their own.
  var isOpenVINOData: Bool {
    guard let path, path.hasSuffix(".bin"), let xml = try? InputFile(path.dropLast(4) + ".xml")
    else { return false }
    let text = ForeignContent(ByteSource(xml), path: nil)
    return text.text.contains("<net ")
  }

  // MARK: Text

  /// The first bytes as text, without a byte order mark and leading space; empty for other content.
  var text: String {
    var bytes = head[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }) else {
      return ""
    }
    // The first bytes may end within a character.
    for cut in 0...(count > head.count ? 3 : 0) {
      let whole = bytes.drop { $0 <= 0x20 }.dropLast(cut)
      if let text = String(validating: whole, as: UTF8.self) { return text }
    }
    return ""
  }

  /// Whether text begins with a word, in upper or lower case.
  func startsText(_ word: String) -> Bool {
    text.prefix(word.count).lowercased() == word
  }

  func isJSON(with part: String) -> Bool { text.first == "{" && text.contains(part) }

  /// Whether the content is a model in the standard's text syntax or in protobuf's JSON.
  var isModelText: Bool {
    let text = text
    return (text.first == "<" || text.first == "#") && text.contains("ir_version")
      || text.first == "{" && text.contains("\"irVersion\"")
  }

  /// A text that may be a server's message, by its beginning in quotation marks.
  /// - Parameter isText: whether a model as text may be meant; then only JSON of a few lines is one
  func message(isText: Bool) -> String? {
    let text = text
    guard !text.isEmpty, !text.contains("ir_version"), !text.contains("\"weight_map\""),
      !text.contains("\"graph\""),
      !text.contains("\"irVersion\""), !isText || text.first == "{" && count < 4096
    else { return nil }
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return (text.first == "{" || text.first == "[" ? "JSON that begins " : "a text that begins ")
      + String(line.prefix(60)).quoted
  }

  // MARK: Facts for the sentence

  /// The name of the only model inside a container.
  func contained(in kind: String) -> String? {
    if isZip {
      let models = entries.filter {
        $0.hasSuffix(".onnx") && !$0.hasPrefix("__MACOSX/")
      }
      return models.count == 1 ? models.first : nil
    }
    // A model begins with its IR version.
    if packedHead.first == 0x08, (1...20).contains(packedHead[1]), let path {
      let name = path.split(separator: "/").last.map(String.init) ?? path
      return name.hasSuffix(".gz") ? String(name.dropLast(3)) : nil
    }
    // The name in a gzip header follows ten bytes; bit 3 of the flags says that there is one.
    guard has([0x1F, 0x8B, 8], at: 0), head.count > 10, head[3] & 8 != 0, head[3] & 4 == 0 else {
      return nil
    }
    let name = String(decoding: head.dropFirst(10).prefix { $0 != 0 }, as: UTF8.self)
    return name.hasSuffix(".onnx") ? name : nil
  }

  /// The size that a Git LFS pointer states.
  func excerpt(of kind: String) -> String? {
    guard startsText("version https://git-lfs") else { return nil }
    for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("size ") {
      guard let size = Int(line.dropFirst(5)) else { return nil }
      return "the file has \(size) bytes"
    }
    return nil
  }
}

extension ClosedRange where Bound == Character {
  /// Whether a byte is an ASCII character of the range.
  fileprivate func contains(_ byte: UInt8) -> Bool { contains(Character(UnicodeScalar(byte))) }
}
