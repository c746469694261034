/// One application of an operator. An empty name among inputs or outputs is one left out.
public struct Node: Sendable {
  public var name: String?
  public var operatorType: String
  /// The operator set's domain; `nil`, empty and `ai.onnx` all mean the standard's own.
  public var domain: String?
  public var overload: String?
  public var inputs: [String]
  public var outputs: [String]
  public var attributes: [Attribute]
  public var docString: String?
  public var metadata: [MetadataEntry] = []
  public var deviceConfigurations: [NodeDeviceConfiguration] = []
  /// The version of the domain's operator set by whose rules the node runs, where it came from a
  /// function that imports another one than the model. Not part of a file.
  public var operatorSetVersion: Int?

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

  /// The attribute of that name.
  public func attribute(_ name: String) -> Attribute? { attributes.first { $0.name == name } }
}

/// A named constant of a node.
public struct Attribute: Sendable {
  public indirect enum Value: Sendable {
    case float(Float)
    case int(Int64)
    case string(ByteString)
    case tensor(NamedTensor)
    case graph(Graph)
    case sparseTensor(SparseTensor)
    case type(ValueType)
    case floats([Float])
    case ints([Int64])
    case strings([ByteString])
    case tensors([NamedTensor])
    case graphs([Graph])
    case sparseTensors([SparseTensor])
    case types([ValueType])
    /// The value of the enclosing function's attribute `name`; `type` as `AttributeType` numbers it.
    case reference(name: String, type: Int32)
  }

  public var name: String
  public var value: Value
  public var docString: String?
  /// Old files state no type, and some leave out a value of 0 or an empty string; one written from
  /// this does the same.
  var omitsType = false
  var omitsValue = false

  public init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}

extension Attribute {
  public static func int(_ name: String, _ value: Int) -> Attribute {
    Attribute(name, .int(Int64(value)))
  }
  public static func ints(_ name: String, _ values: [Int]) -> Attribute {
    Attribute(name, .ints(values.map(Int64.init)))
  }
  public static func float(_ name: String, _ value: Float) -> Attribute {
    Attribute(name, .float(value))
  }
  public static func floats(_ name: String, _ values: [Float]) -> Attribute {
    Attribute(name, .floats(values))
  }
  public static func string(_ name: String, _ value: String) -> Attribute {
    Attribute(name, .string(ByteString(value)))
  }
  public static func strings(_ name: String, _ values: [String]) -> Attribute {
    Attribute(name, .strings(values.map { ByteString($0) }))
  }
  public static func tensor(_ name: String, _ tensor: Tensor) -> Attribute {
    Attribute(name, .tensor(NamedTensor(nil, tensor)))
  }
  public static func graph(_ name: String, _ graph: Graph) -> Attribute {
    Attribute(name, .graph(graph))
  }
}

/// The bytes of a string attribute: text as a rule, but the standard promises no encoding.
public struct ByteString: Sendable, Hashable {
  public var bytes: [UInt8]
  public init(bytes: [UInt8]) { self.bytes = bytes }
  public init(_ string: String) { self.bytes = Array(string.utf8) }
  /// The text, with invalid UTF-8 replaced.
  public var string: String { String(decoding: bytes, as: UTF8.self) }
}
