/// A version of an operator set that a model or a function imports.
public struct OperatorSetImport: Sendable, Hashable {
  /// The operator set's domain; `nil`, empty and `ai.onnx` all mean the standard's own.
  public var domain: String?
  /// The version of the operator set.
  public var version: Int64
  /// Imports a version of a domain's operator set.
  public init(domain: String? = nil, version: Int64) {
    self.domain = domain
    self.version = version
  }
}

/// A model: the standard's `ModelProto`, complete.
public struct Model: Sendable {
  /// The version of the file format.
  public var irVersion: Int64?
  /// The operator sets that nodes refer to, one for each domain.
  public var operatorSets: [OperatorSetImport]
  /// The tool that wrote the model.
  public var producerName: String?
  /// The version of the tool that wrote the model.
  public var producerVersion: String?
  /// The model's namespace, in reverse DNS notation.
  public var domain: String?
  /// The model's own version.
  public var modelVersion: Int64?
  /// A description for people.
  public var docString: String?
  /// The graph that inference runs.
  public var graph: Graph
  /// Further properties, by key.
  public var metadata: [MetadataEntry] = []
  /// How the model is trained.
  public var trainingInfos: [TrainingInfo] = []
  /// Operators that the model defines itself.
  public var functions: [Function] = []
  /// Sets of devices that nodes can be spread over.
  public var deviceConfigurations: [DeviceConfiguration] = []

  /// Creates a model.
  public init(graph: Graph, operatorSets: [OperatorSetImport], irVersion: Int64 = 10) {
    self.graph = graph
    self.operatorSets = operatorSets
    self.irVersion = irVersion
  }

  /// The value of the first `metadata` entry with that key.
  public func metadataValue(_ key: String) -> String? { metadata.first { $0.key == key }?.value }
}

/// An operator defined by nodes: the standard's `FunctionProto`.
public struct Function: Sendable {
  /// The operator type that nodes call it by.
  public var name: String
  /// The domain that nodes call it in.
  public var domain: String?
  /// Tells functions of the same domain and name apart.
  public var overload: String?
  /// Names of the inputs.
  public var inputs: [String]
  /// Names of the outputs.
  public var outputs: [String]
  /// Names of the attributes that a calling node must give.
  public var attributes: [String] = []
  /// Attributes that a calling node may leave out, with their default values.
  public var attributeDefaults: [Attribute] = []
  /// The nodes that compute the outputs.
  public var nodes: [Node]
  /// The operator sets that the nodes refer to.
  public var operatorSets: [OperatorSetImport] = []
  /// Types of intermediate values.
  public var valueInfos: [ValueInfo] = []
  /// A description for people.
  public var docString: String?
  /// Further properties, by key.
  public var metadata: [MetadataEntry] = []

  /// Creates a function.
  public init(
    _ name: String, domain: String?, inputs: [String], outputs: [String], nodes: [Node],
    operatorSets: [OperatorSetImport] = []
  ) {
    self.name = name
    self.domain = domain
    self.inputs = inputs
    self.outputs = outputs
    self.nodes = nodes
    self.operatorSets = operatorSets
  }
}

/// How a model is trained: the standard's `TrainingInfoProto`.
public struct TrainingInfo: Sendable {
  /// The graph that gives initializers their first values.
  public var initialization: Graph?
  /// The graph of one training step.
  public var algorithm: Graph?
  /// The initializer as key, the output of `initialization` that it is set to as value.
  public var initializationBindings: [MetadataEntry] = []
  /// The initializer as key, the output of `algorithm` that it is set to after a step as value.
  public var updateBindings: [MetadataEntry] = []
  /// Creates an empty description.
  public init() {}
}

/// A set of devices that a model can be spread over: the standard's `DeviceConfigurationProto`. It is
/// kept, but never interpreted.
public struct DeviceConfiguration: Sendable, Hashable {
  /// The name that nodes refer to.
  public var name: String?
  /// The number of devices.
  public var deviceCount: Int32?
  /// Names of the devices.
  public var devices: [String] = []
  /// Creates an empty configuration.
  public init() {}
}

/// How a node is spread over devices: the standard's `NodeDeviceConfigurationProto`. It is kept, but
/// never interpreted.
public struct NodeDeviceConfiguration: Sendable, Hashable {
  /// The name of a `DeviceConfiguration` of the model.
  public var configurationID: String?
  /// How the node's inputs and outputs are split.
  public var shardings: [Sharding] = []
  /// The stage of a pipeline that the node belongs to.
  public var pipelineStage: Int32?
  /// Creates an empty configuration.
  public init() {}

  /// How a tensor is split over devices: the standard's `ShardingSpecProto`.
  public struct Sharding: Sendable, Hashable {
    /// The input or output of the node.
    public var tensorName: String?
    /// Indices of devices, or keys of `deviceGroups`.
    public var devices: [Int64] = []
    /// Groups of devices that `devices` refers to.
    public var deviceGroups: [DeviceGroup] = []
    /// The dimensions that are split.
    public var dimensions: [ShardedDimension] = []
    /// Creates an empty description.
    public init() {}
  }

  /// Several devices under one key: an entry of the standard's `index_to_device_group_map`.
  public struct DeviceGroup: Sendable, Hashable {
    /// The key that stands in `Sharding.devices`.
    public var key: Int64?
    /// Indices of the group's devices.
    public var devices: [Int64] = []
    /// Creates an empty group.
    public init() {}
  }

  /// A dimension that is split: the standard's `ShardedDimProto`.
  public struct ShardedDimension: Sendable, Hashable {
    /// The axis, counted from the end where it is negative.
    public var axis: Int64?
    /// The pieces; several where the dimension is a product of sizes.
    public var shards: [Shard] = []
    /// Creates an empty description.
    public init() {}
  }

  /// A dimension, or a factor of one, and the number of pieces: the standard's
  /// `SimpleShardedDimProto`.
  public struct Shard: Sendable, Hashable {
    /// The size that is split.
    public var dimension: Dimension = .unknown
    /// The number of pieces.
    public var count: Int64?
    /// Creates an empty description.
    public init() {}
  }
}
