import ONNXFormat

/// Reads the attributes of a node and records which ones were read.
///
/// The functions without `optional` in their names throw `OperatorError.attribute` if the attribute is
/// missing and has no default. All of them throw it for an attribute of another type.
public struct NodeReader {
  /// The node.
  public let node: Node
  /// The version of the operator: the newest one not newer than the operator set of the model.
  public let version: Int
  /// The operators of the session that runs the node.
  public let registry: Registry
  private var unread: Set<String>

  /// A reader of a node.
  /// - Throws: `OperatorError.attribute` if two attributes have the same name
  public init(
    _ node: Node, version: Int, registry: Registry = Registry([])
  ) throws(OperatorError) {
    self.node = node
    self.version = version
    self.registry = registry
    self.unread = []
    for attribute in node.attributes where !unread.insert(attribute.name).inserted {
      throw .attribute(attribute.name, "is given twice")
    }
  }

  /// The number of outputs that the node names, including those left out in between.
  public var outputCount: Int { node.outputs.count }
  /// The number of inputs that the node names, including those left out in between.
  public var inputCount: Int { node.inputs.count }

  /// Checks that all attributes were read.
  /// - Throws: `OperatorError.unknownAttribute` for one that was not
  public func finish() throws(OperatorError) {
    if let name = unread.min() { throw .unknownAttribute(name) }
  }

  /// Whether the node has an attribute. This does not count as reading it.
  public func has(_ name: String) -> Bool { node.attribute(name) != nil }

  /// Reads all attributes whose names begin with `prefix`.
  /// - Returns: the attributes, without the prefix in their names.
  public mutating func attributes(prefix: String) -> [Attribute] {
    var found: [Attribute] = []
    for attribute in node.attributes where attribute.name.hasPrefix(prefix) {
      unread.remove(attribute.name)
      var attribute = attribute
      attribute.name.removeFirst(prefix.count)
      found.append(attribute)
    }
    return found
  }

  private mutating func value(_ name: String) -> Attribute.Value? {
    unread.remove(name)
    return node.attribute(name)?.value
  }

  private mutating func read<T>(
    _ name: String, _ kind: String, _ extract: (Attribute.Value) -> T?
  ) throws(OperatorError) -> T? {
    guard let value = value(name) else { return nil }
    guard let result = extract(value) else { throw .attribute(name, "expected \(kind)") }
    return result
  }

  private func required<T>(_ name: String, _ value: T?) throws(OperatorError) -> T {
    guard let value else { throw .attribute(name, "is missing") }
    return value
  }

  /// An integer; `nil` if missing.
  public mutating func optionalInt(_ name: String) throws(OperatorError) -> Int? {
    try read(name, "an integer") { if case .int(let value) = $0 { Int(value) } else { nil } }
  }
  /// An integer.
  public mutating func int(_ name: String) throws(OperatorError) -> Int {
    try required(name, optionalInt(name))
  }
  /// An integer, or a default if missing.
  public mutating func int(_ name: String, default value: Int) throws(OperatorError) -> Int {
    try optionalInt(name) ?? value
  }
  /// Whether an integer that must be 0 or 1 is 1, or a default if missing.
  public mutating func flag(_ name: String, default value: Bool = false) throws(OperatorError)
    -> Bool
  {
    guard let int = try optionalInt(name) else { return value }
    guard int == 0 || int == 1 else { throw .attribute(name, "expected 0 or 1, got \(int)") }
    return int == 1
  }

  /// A list of integers; `nil` if missing.
  public mutating func optionalInts(_ name: String) throws(OperatorError) -> [Int]? {
    try read(name, "integers") {
      switch $0 {
      case .ints(let values): values.map(Int.init)
      // An empty list has no type in old files.
      case .floats(let values) where values.isEmpty: []
      default: nil
      }
    }
  }
  /// A list of integers.
  public mutating func ints(_ name: String) throws(OperatorError) -> [Int] {
    try required(name, optionalInts(name))
  }

  /// A float; `nil` if missing.
  public mutating func optionalFloat(_ name: String) throws(OperatorError) -> Float? {
    try read(name, "a float") { if case .float(let value) = $0 { value } else { nil } }
  }
  /// A float.
  public mutating func float(_ name: String) throws(OperatorError) -> Float {
    try required(name, optionalFloat(name))
  }
  /// A float, or a default if missing.
  public mutating func float(_ name: String, default value: Float) throws(OperatorError) -> Float {
    try optionalFloat(name) ?? value
  }
  /// A list of floats; `nil` if missing.
  public mutating func optionalFloats(_ name: String) throws(OperatorError) -> [Float]? {
    try read(name, "floats") {
      switch $0 {
      case .floats(let values): values
      case .ints(let values) where values.isEmpty: []
      default: nil
      }
    }
  }

  /// A string; `nil` if missing.
  public mutating func optionalString(_ name: String) throws(OperatorError) -> String? {
    try read(name, "a string") { if case .string(let value) = $0 { value.string } else { nil } }
  }
  /// A string.
  public mutating func string(_ name: String) throws(OperatorError) -> String {
    try required(name, optionalString(name))
  }
  /// A string, or a default if missing.
  public mutating func string(_ name: String, default value: String) throws(OperatorError)
    -> String
  {
    try optionalString(name) ?? value
  }
  /// A string that must be one of `choices`, or a default if missing.
  public mutating func choice(
    _ name: String, default value: String, among choices: [String]
  ) throws(OperatorError) -> String {
    let string = try optionalString(name) ?? value
    guard choices.contains(string) else {
      throw .attribute(
        name, "expected one of \(choices.joined(separator: ", ")), got '\(string)'")
    }
    return string
  }
  /// A list of strings; `nil` if missing.
  public mutating func optionalStrings(_ name: String) throws(OperatorError) -> [String]? {
    try read(name, "strings") {
      switch $0 {
      case .strings(let values): values.map(\.string)
      case .ints(let values) where values.isEmpty: []
      case .floats(let values) where values.isEmpty: []
      default: nil
      }
    }
  }

  /// A tensor; `nil` if missing.
  public mutating func optionalTensor(_ name: String) throws(OperatorError) -> Tensor? {
    try read(name, "a tensor") { if case .tensor(let value) = $0 { value.tensor } else { nil } }
  }
  /// A sparse tensor; `nil` if missing.
  public mutating func optionalSparseTensor(_ name: String) throws(OperatorError) -> SparseTensor? {
    try read(name, "a sparse tensor") {
      if case .sparseTensor(let value) = $0 { value } else { nil }
    }
  }
  /// The type of a value; `nil` if missing.
  public mutating func optionalType(_ name: String) throws(OperatorError) -> ValueType? {
    try read(name, "a type") { if case .type(let value) = $0 { value } else { nil } }
  }
  /// A graph.
  public mutating func graph(_ name: String) throws(OperatorError) -> Graph {
    try required(
      name, try read(name, "a graph") { if case .graph(let value) = $0 { value } else { nil } })
  }

  /// An element type given by its number in `TensorProto.DataType`, such as `to` of `Cast`; `nil` if
  /// missing.
  public mutating func optionalElementType(_ name: String) throws(OperatorError) -> ElementType? {
    guard let number = try optionalInt(name) else { return nil }
    guard let raw = Int32(exactly: number), let type = ElementType(rawValue: raw),
      type != .undefined
    else {
      throw .attribute(name, "\(number) is not an element type")
    }
    return type
  }
}
