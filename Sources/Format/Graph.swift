/// A key and a value of `metadata_props` and its kin.
public struct MetadataEntry: Sendable, Hashable {
  public var key: String
  public var value: String
  /// The file leaves an empty key or value out, and so does one written from this.
  var omitsKey = false
  var omitsValue = false

  public init(key: String, value: String) {
    self.key = key
    self.value = value
  }
}

/// A tensor as it stands in a file, with its name: an initializer, or the value of an attribute.
public struct NamedTensor: Sendable {
  public var name: String?
  public var tensor: Tensor
  public var docString: String?
  public var metadata: [MetadataEntry] = []
  /// Which part of a larger tensor this is. Kept, never interpreted.
  public var segment: TensorSegment?

  public init(_ name: String?, _ tensor: Tensor) {
    self.name = name
    self.tensor = tensor
  }
}

/// The standard's `TensorProto.Segment`.
public struct TensorSegment: Sendable, Hashable {
  public var begin: Int64?
  public var end: Int64?
  public init(begin: Int64?, end: Int64?) {
    self.begin = begin
    self.end = end
  }
}

/// Name and type of an input, an output, or a value in between.
public struct ValueInfo: Sendable {
  public var name: String
  public var type: ValueType?
  public var docString: String?
  public var metadata: [MetadataEntry] = []

  public init(_ name: String, _ type: ValueType?) {
    self.name = name
    self.type = type
  }
}

/// Quantisation parameters of a tensor, by name.
public struct TensorAnnotation: Sendable {
  public var tensorName: String?
  public var parameters: [MetadataEntry]
  public init(tensorName: String?, parameters: [MetadataEntry]) {
    self.tensorName = tensorName
    self.parameters = parameters
  }
}

/// Nodes and the values they pass on. Names are unique in a graph; a subgraph sees the names of
/// the graphs around it.
public struct Graph: Sendable {
  public var name: String?
  public var nodes: [Node]
  public var inputs: [ValueInfo]
  public var outputs: [ValueInfo]
  public var initializers: [NamedTensor]
  public var sparseInitializers: [SparseTensor] = []
  /// Types of values in between, as a file or shape inference states them.
  public var valueInfos: [ValueInfo] = []
  public var quantizationAnnotations: [TensorAnnotation] = []
  public var docString: String?
  public var metadata: [MetadataEntry] = []

  public init(
    name: String? = nil, nodes: [Node] = [], inputs: [ValueInfo] = [], outputs: [ValueInfo] = [],
    initializers: [NamedTensor] = []
  ) {
    self.name = name
    self.nodes = nodes
    self.inputs = inputs
    self.outputs = outputs
    self.initializers = initializers
  }
}
