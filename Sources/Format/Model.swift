/// A version of an operator set that a model or function uses.
public struct OperatorSetImport: Sendable, Hashable {
  public var domain: String?
  public var version: Int64
  public init(domain: String? = nil, version: Int64) {
    self.domain = domain
    self.version = version
  }
}

/// A model: the standard's `ModelProto`, whole.
public struct Model: Sendable {
  public var irVersion: Int64?
  public var operatorSets: [OperatorSetImport]
  public var producerName: String?
  public var producerVersion: String?
  public var domain: String?
  public var modelVersion: Int64?
  public var docString: String?
  public var graph: Graph
  public var metadata: [MetadataEntry] = []
  public var trainingInfos: [TrainingInfo] = []
  public var functions: [Function] = []
  public var deviceConfigurations: [DeviceConfiguration] = []

  public init(graph: Graph, operatorSets: [OperatorSetImport], irVersion: Int64 = 10) {
    self.graph = graph
    self.operatorSets = operatorSets
    self.irVersion = irVersion
  }

  /// The value of `metadata_props` for that key.
  public func metadataValue(_ key: String) -> String? { metadata.first { $0.key == key }?.value }
}

/// An operator defined by nodes: `FunctionProto`.
public struct Function: Sendable {
  public var name: String
  public var domain: String?
  public var overload: String?
  public var inputs: [String]
  public var outputs: [String]
  /// Attributes a node must give.
  public var attributes: [String] = []
  /// Attributes with their default.
  public var attributeDefaults: [Attribute] = []
  public var nodes: [Node]
  public var operatorSets: [OperatorSetImport] = []
  public var valueInfos: [ValueInfo] = []
  public var docString: String?
  public var metadata: [MetadataEntry] = []

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

/// How a model is trained: `TrainingInfoProto`.
public struct TrainingInfo: Sendable {
  public var initialization: Graph?
  public var algorithm: Graph?
  public var initializationBindings: [MetadataEntry] = []
  public var updateBindings: [MetadataEntry] = []
  public init() {}
}

/// Devices a model may be spread over. Kept, never interpreted.
public struct DeviceConfiguration: Sendable, Hashable {
  public var name: String?
  public var deviceCount: Int32?
  public var devices: [String] = []
  public init() {}
}

/// How a node is spread over devices. Kept, never interpreted.
public struct NodeDeviceConfiguration: Sendable, Hashable {
  public var configurationID: String?
  public var shardings: [Sharding] = []
  public var pipelineStage: Int32?
  public init() {}

  public struct Sharding: Sendable, Hashable {
    public var tensorName: String?
    public var devices: [Int64] = []
    public var deviceGroups: [DeviceGroup] = []
    public var dimensions: [ShardedDimension] = []
    public init() {}
  }
  public struct DeviceGroup: Sendable, Hashable {
    public var key: Int64?
    public var devices: [Int64] = []
    public init() {}
  }
  public struct ShardedDimension: Sendable, Hashable {
    public var axis: Int64?
    public var shards: [Shard] = []
    public init() {}
  }
  public struct Shard: Sendable, Hashable {
    public var dimension: Dimension = .unknown
    public var count: Int64?
    public init() {}
  }
}
