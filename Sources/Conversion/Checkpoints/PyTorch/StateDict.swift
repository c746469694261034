import ONNXFormat

/// The tensors of nested dictionaries and lists, named by their keys joined with dots.
struct StateDict {
  enum Leaf {
    case tensor(Int)
    case array(Int)
  }
  private(set) var leaves: [(name: String, leaf: Leaf)] = []
  /// Numbers and strings of the outermost dictionary.
  private(set) var metadata: [MetadataEntry] = []

  private let objects: PickleObjects
  private var visits = 0
  private var namesSize = 0

  private static let depthLimit = 64
  /// Dictionaries can share parts, so their number may grow exponentially with depth.
  private static let visitLimit = 4 << 20
  private static let leafLimit = 1 << 20
  /// The largest size of a name or a string, in bytes.
  private static let nameLimit = 4096
  /// The largest size of all names together, in bytes.
  private static let namesLimit = 64 << 20

  init(_ root: PickleValue, _ objects: PickleObjects) throws(FormatError) {
    self.objects = objects
    try visit(root, "", depth: 0)
    guard !leaves.isEmpty else { throw FormatError(.invalid("the file has no tensors")) }
  }

  private mutating func visit(
    _ value: PickleValue, _ path: String, depth: Int
  ) throws(FormatError) {
    visits += 1
    guard depth <= Self.depthLimit, visits <= Self.visitLimit, leaves.count <= Self.leafLimit
    else {
      throw FormatError(
        .limit(
          "dictionaries nested deeper than \(Self.depthLimit), or more than \(Self.leafLimit) "
            + "tensors"))
    }
    guard path.utf8.count <= Self.nameLimit else {
      throw FormatError(.limit("a name of more than \(Self.nameLimit) bytes"))
    }
    func inside(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
    switch value {
    case .dictionary(let index):
      for (key, value) in objects.dictionaries[index] {
        if let name = Self.name(key) {
          try visit(value, inside(name), depth: depth + 1)
        } else {
          let before = leaves.count
          try visit(value, inside("?"), depth: depth + 1)
          guard leaves.count == before else {
            throw FormatError(
              .unsupported("a tensor under a key that is neither a string nor a number"),
              in: path.isEmpty ? "the outermost dictionary" : "dictionary \(path.quoted)")
          }
        }
      }
    case .list(let index), .tuple(let index):
      for (number, value) in objects.sequences[index].enumerated() {
        try visit(value, inside("\(number)"), depth: depth + 1)
      }
    case .tensor(let index): try add(path.isEmpty ? "tensor" : path, .tensor(index))
    case .array(let index): try add(path.isEmpty ? "array" : path, .array(index))
    case .int(let number) where depth == 1: note(path, "\(number)")
    case .double(let number) where depth == 1: note(path, "\(number)")
    case .bool(let value) where depth == 1: note(path, value ? "true" : "false")
    case .string(let text) where depth == 1: note(path, text)
    default: return
    }
  }

  /// A key as a component of a name, as Python prints it.
  private static func name(_ key: PickleValue) -> String? {
    switch key {
    case .string(let name): name
    case .bytes(let bytes) where bytes.count <= nameLimit: String(decoding: bytes, as: UTF8.self)
    case .int(let number): "\(number)"
    case .double(let number): "\(number)"
    case .bool(let value): value ? "True" : "False"
    case .none: "None"
    default: nil
    }
  }

  private mutating func add(_ name: String, _ leaf: Leaf) throws(FormatError) {
    namesSize += name.utf8.count
    guard namesSize <= Self.namesLimit else {
      throw FormatError(.limit("names of more than \(Self.namesLimit) bytes"))
    }
    leaves.append((name, leaf))
  }

  private mutating func note(_ key: String, _ value: String) {
    guard value.utf8.count <= Self.nameLimit, metadata.count < 1000 else { return }
    metadata.append(MetadataEntry(key: key, value: value))
  }
}
