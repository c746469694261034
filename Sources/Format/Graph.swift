/// A key and a value of a `metadata_props` list or another list of string pairs.
public struct MetadataEntry: Sendable, Hashable {
  /// The key; empty where the file has none.
  public var key: String
  /// The value; empty where the file has none.
  public var value: String
  /// The file has no field for the empty key, and the writer leaves it out again.
  var omitsKey = false
  /// The file has no field for the empty value, and the writer leaves it out again.
  var omitsValue = false

  /// Creates an entry.
  public init(key: String, value: String) {
    self.key = key
    self.value = value
  }
}

/// A tensor with its name and description: an initializer, or the value of an attribute.
public struct NamedTensor: Sendable {
  /// The name by which nodes refer to an initializer.
  public var name: String?
  /// The elements, their type and their shape.
  public var tensor: Tensor
  /// A description for people.
  public var docString: String?
  /// Further properties, by key.
  public var metadata: [MetadataEntry] = []
  /// The part of a larger tensor that this one is. It is kept, but never interpreted.
  public var segment: TensorSegment?

  /// Names a tensor.
  public init(_ name: String?, _ tensor: Tensor) {
    self.name = name
    self.tensor = tensor
  }
}

/// The range of a larger tensor: the standard's `TensorProto.Segment`.
public struct TensorSegment: Sendable, Hashable {
  /// The first element.
  public var begin: Int64?
  /// The element after the last.
  public var end: Int64?
  /// Creates a segment.
  public init(begin: Int64?, end: Int64?) {
    self.begin = begin
    self.end = end
  }
}

/// The name and type of a graph's input, output or intermediate value.
public struct ValueInfo: Sendable {
  /// The name by which nodes refer to the value.
  public var name: String
  /// The type, as far as it is known.
  public var type: ValueType?
  /// A description for people.
  public var docString: String?
  /// Further properties, by key.
  public var metadata: [MetadataEntry] = []

  /// Names a value and states its type.
  public init(_ name: String, _ type: ValueType?) {
    self.name = name
    self.type = type
  }
}

/// The names of the tensors that hold a tensor's quantisation parameters.
public struct TensorAnnotation: Sendable {
  /// The quantised tensor.
  public var tensorName: String?
  /// The parameter (`SCALE_TENSOR`, `ZERO_POINT_TENSOR`) as key, the tensor's name as value.
  public var parameters: [MetadataEntry]
  /// Annotates a tensor.
  public init(tensorName: String?, parameters: [MetadataEntry]) {
    self.tensorName = tensorName
    self.parameters = parameters
  }
}

/// A graph of nodes: the standard's `GraphProto`.
///
/// Values have unique names within a graph. A subgraph, which is an attribute of a node, also sees the
/// names of the graphs around it.
public struct Graph: Sendable {
  /// The graph's name.
  public var name: String?
  /// The nodes, each after those whose outputs it takes.
  public var nodes: [Node]
  /// The values that the caller gives.
  public var inputs: [ValueInfo]
  /// The values that the caller gets.
  public var outputs: [ValueInfo]
  /// Constants, which are also the default values of inputs of the same name.
  public var initializers: [NamedTensor]
  /// Constants in sparse form.
  public var sparseInitializers: [SparseTensor] = []
  /// Types of intermediate values, as stated by a file or inferred.
  public var valueInfos: [ValueInfo] = []
  /// Quantisation parameters of tensors.
  public var quantizationAnnotations: [TensorAnnotation] = []
  /// A description for people.
  public var docString: String?
  /// Further properties, by key.
  public var metadata: [MetadataEntry] = []

  /// Creates a graph.
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
