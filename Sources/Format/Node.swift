/// A node of a graph: one call of an operator.
public struct Node: Sendable {
  /// The node's own name.
  public var name: String?
  /// The operator's name, such as `Conv`.
  public var operatorType: String
  /// The domain of the operator; `nil`, empty and `ai.onnx` all mean the standard's own.
  public var domain: String?
  /// Tells functions of the same domain and name apart.
  public var overload: String?
  /// Names of the input values; empty for an optional input that is left out.
  public var inputs: [String]
  /// Names of the output values; empty for an optional output that is left out.
  public var outputs: [String]
  /// Named constants.
  public var attributes: [Attribute]
  /// A description for people.
  public var docString: String?
  /// Further properties, by key.
  public var metadata: [MetadataEntry] = []
  /// How the node is spread over devices.
  public var deviceConfigurations: [NodeDeviceConfiguration] = []
  /// The operator set version that applies to the node, where it comes from a function that imports
  /// another version than the model. It is not written to files.
  public var operatorSetVersion: Int?

  /// Creates a node.
  public init(
    _ operatorType: String, domain: String? = nil, name: String? = nil, inputs: [String],
    outputs: [String], attributes: [Attribute] = []
  ) {
    self.operatorType = operatorType
    self.domain = domain
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
  }

  /// The first attribute with that name.
  public func attribute(_ name: String) -> Attribute? { attributes.first { $0.name == name } }
}

/// A named constant of a node: the standard's `AttributeProto`.
public struct Attribute: Sendable {
  /// An attribute's value, in one of the types that the standard allows.
  public indirect enum Value: Sendable {
    /// A float32.
    case float(Float)
    /// An int64.
    case int(Int64)
    /// A text, or other bytes.
    case string(ByteString)
    /// A tensor.
    case tensor(NamedTensor)
    /// A subgraph, such as a branch of `If`.
    case graph(Graph)
    /// A sparse tensor.
    case sparseTensor(SparseTensor)
    /// The type of a value.
    case type(ValueType)
    /// Several float32.
    case floats([Float])
    /// Several int64, such as a kernel's sizes.
    case ints([Int64])
    /// Several texts.
    case strings([ByteString])
    /// Several tensors.
    case tensors([NamedTensor])
    /// Several subgraphs.
    case graphs([Graph])
    /// Several sparse tensors.
    case sparseTensors([SparseTensor])
    /// Several types.
    case types([ValueType])
    /// The value of the attribute `name` of the enclosing function. `type` is its number in the
    /// standard's `AttributeType`.
    case reference(name: String, type: Int32)
  }

  /// The attribute's name.
  public var name: String
  /// The attribute's value.
  public var value: Value
  /// A description for people.
  public var docString: String?
  /// The file states no type, as old files do, and the writer leaves it out again.
  var omitsType = false
  /// The file leaves out a value of 0 or an empty string, and so does the writer.
  var omitsValue = false

  /// Names a value.
  public init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}

extension Attribute {
  /// An attribute with an integer.
  public static func int(_ name: String, _ value: Int) -> Attribute {
    Attribute(name, .int(Int64(value)))
  }
  /// An attribute with a list of integers.
  public static func ints(_ name: String, _ values: [Int]) -> Attribute {
    Attribute(name, .ints(values.map(Int64.init)))
  }
  /// An attribute with a number.
  public static func float(_ name: String, _ value: Float) -> Attribute {
    Attribute(name, .float(value))
  }
  /// An attribute with a list of numbers.
  public static func floats(_ name: String, _ values: [Float]) -> Attribute {
    Attribute(name, .floats(values))
  }
  /// An attribute with a text.
  public static func string(_ name: String, _ value: String) -> Attribute {
    Attribute(name, .string(ByteString(value)))
  }
  /// An attribute with a list of texts.
  public static func strings(_ name: String, _ values: [String]) -> Attribute {
    Attribute(name, .strings(values.map { ByteString($0) }))
  }
  /// An attribute with an unnamed tensor.
  public static func tensor(_ name: String, _ tensor: Tensor) -> Attribute {
    Attribute(name, .tensor(NamedTensor(nil, tensor)))
  }
  /// An attribute with a subgraph.
  public static func graph(_ name: String, _ graph: Graph) -> Attribute {
    Attribute(name, .graph(graph))
  }
}

/// The bytes of a string attribute. They are UTF-8 text as a rule, but the standard promises no
/// encoding.
public struct ByteString: Sendable, Hashable {
  /// The bytes as they are in the file.
  public var bytes: [UInt8]
  /// Wraps bytes.
  public init(bytes: [UInt8]) { self.bytes = bytes }
  /// The UTF-8 bytes of a text.
  public init(_ string: String) { self.bytes = Array(string.utf8) }
  /// The bytes as text, with invalid UTF-8 replaced by U+FFFD.
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}
