import ONNX
@_exported import TestFiles

/// A protobuf message, built field by field: also messages that no writer produces.
struct Wire {
  var bytes: [UInt8] = []

  static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  func varint(_ number: UInt64, _ value: Int64) -> Wire {
    Wire(bytes: bytes + Wire.varint(number << 3) + Wire.varint(UInt64(bitPattern: value)))
  }
  func bytes(_ number: UInt64, _ value: [UInt8]) -> Wire {
    Wire(bytes: bytes + Wire.varint(number << 3 | 2) + Wire.varint(UInt64(value.count)) + value)
  }
  func text(_ number: UInt64, _ value: String) -> Wire { bytes(number, Array(value.utf8)) }
  func message(_ number: UInt64, _ value: Wire) -> Wire { bytes(number, value.bytes) }
  func fixed32(_ number: UInt64, _ value: Float) -> Wire {
    Wire(
      bytes: bytes + Wire.varint(number << 3 | 5)
        + withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init))
  }
  func raw(_ value: [UInt8]) -> Wire { Wire(bytes: bytes + value) }

  /// A model with this message as its graph.
  var asGraph: Wire { Wire().message(7, self) }
  /// A model with this message as a node.
  var asNode: Wire { Wire().message(1, self).asGraph }
  /// A model with this message as a node's attribute.
  var asAttribute: Wire { Wire().text(4, "Test").message(5, self).asNode }
  /// A model with this message as an initializer.
  var asInitializer: Wire { Wire().message(5, self).asGraph }
}

/// The description of the error in reading a model; `nil` if the bytes are a model.
func modelError(_ bytes: [UInt8], _ options: ReadingOptions = .init()) -> String? {
  do throws(FormatError) {
    _ = try Model(serialized: bytes, options: options)
    return nil
  } catch { return error.description }
}

func modelError(_ wire: Wire, _ options: ReadingOptions = .init()) -> String? {
  modelError(wire.bytes, options)
}

/// A model that uses every field of the standard.
func fullModel() -> Model {
  var tensor = NamedTensor("w", Tensor(shape: [2, 2], [1, 2, 3, 4] as [Float]))
  tensor.docString = "weights"
  tensor.metadata = [MetadataEntry(key: "k", value: "v")]
  tensor.segment = TensorSegment(begin: 1, end: nil)
  let indices = NamedTensor("i", Tensor(shape: [1], [3] as [Int64]))
  let values = NamedTensor("s", Tensor(shape: [1], [2.5] as [Double]))
  let sparse = SparseTensor(values: values, indices: indices, shape: [2, 2])
  let inner = Graph(
    name: "inner", nodes: [Node("Identity", inputs: ["x"], outputs: ["z"])], inputs: [],
    outputs: [ValueInfo("z", nil)])

  var attributes: [Attribute] = [
    .int("i", -3), .float("f", .nan), .string("s", "å"), .tensor("t", tensor.tensor),
    .graph("g", inner), Attribute("sp", .sparseTensor(sparse)),
    Attribute("ty", .type(.tensor(.float16, [1, 2]))), .ints("is", [1, -1]),
    .floats("fs", [0.5, -0.0]), .strings("ss", ["", "b"]), Attribute("ts", .tensors([tensor])),
    Attribute("gs", .graphs([inner])), Attribute("sps", .sparseTensors([sparse])),
    Attribute("tys", .types([.sequence(.tensor(.string, nil))])),
    Attribute("bytes", .string(ByteString(bytes: [0, 0xFF]))),
    Attribute("ref", .reference(name: "outer", type: 2)),
  ]
  attributes[0].docString = "an integer"
  var node = Node(
    "Everything", domain: "test", name: "n", inputs: ["x", "", "w"], outputs: ["y"],
    attributes: attributes)
  node.overload = "o"
  node.docString = "doc"
  node.metadata = [MetadataEntry(key: "a", value: "")]
  node.deviceConfigurations = [deviceConfiguration()]

  var shape: Shape = [.size(2), .symbol("N"), .unknown]
  shape.denotations = ["DATA_BATCH", nil, nil]
  var input = ValueInfo("x", .tensor(.float32, shape))
  input.type?.denotation = "IMAGE"
  input.docString = "the input"
  input.metadata = [MetadataEntry(key: "m", value: "n")]
  var graph = Graph(
    name: "g", nodes: [node], inputs: [input],
    outputs: [ValueInfo("y", .optional(.sequence(.tensor(.int4, nil))))], initializers: [tensor])
  graph.sparseInitializers = [sparse]
  graph.valueInfos = [
    ValueInfo("m", ValueType(.map(key: .int64, value: .tensor(.bool, [])))),
    ValueInfo("o", ValueType(.opaque(domain: "d", name: "n"))),
    ValueInfo("sp", ValueType(.sparseTensor(TensorType(.uint2, [3])))),
    ValueInfo("u", ValueType(.undefined)),
  ]
  graph.quantizationAnnotations = [
    TensorAnnotation(
      tensorName: "w", parameters: [MetadataEntry(key: "SCALE_TENSOR", value: "s")])
  ]
  graph.docString = "graph doc"
  graph.metadata = [MetadataEntry(key: "gk", value: "gv")]

  var model = Model(
    graph: graph, operatorSets: [OperatorSetImport(version: 20)], irVersion: 14)
  model.operatorSets.append(OperatorSetImport(domain: "test", version: 1))
  model.producerName = "tests"
  model.producerVersion = "1"
  model.domain = "domain"
  model.modelVersion = -5
  model.docString = ""
  model.metadata = [MetadataEntry(key: "vocabulary", value: "[\"a\"]")]
  var function = Function(
    "F", domain: "test", inputs: ["a"], outputs: ["b"],
    nodes: [Node("Relu", inputs: ["a"], outputs: ["b"])],
    operatorSets: [OperatorSetImport(version: 20)])
  function.overload = "x"
  function.attributes = ["alpha"]
  function.attributeDefaults = [.float("beta", 1)]
  function.valueInfos = [ValueInfo("b", .tensor(.float32, nil))]
  function.docString = "function doc"
  function.metadata = [MetadataEntry(key: "fk", value: "fv")]
  model.functions = [function]
  var training = TrainingInfo()
  training.initialization = inner
  training.algorithm = inner
  training.initializationBindings = [MetadataEntry(key: "w", value: "z")]
  training.updateBindings = [MetadataEntry(key: "w", value: "z")]
  model.trainingInfos = [training]
  var device = DeviceConfiguration()
  device.name = "two"
  device.deviceCount = 2
  device.devices = ["CPU:0", "CPU:1"]
  model.deviceConfigurations = [device]
  return model
}

private func deviceConfiguration() -> NodeDeviceConfiguration {
  var shard = NodeDeviceConfiguration.Shard()
  shard.dimension = .symbol("N")
  shard.count = 2
  var sized = NodeDeviceConfiguration.Shard()
  sized.dimension = .size(4)
  var dimension = NodeDeviceConfiguration.ShardedDimension()
  dimension.axis = 1
  dimension.shards = [shard, sized, .init()]
  var group = NodeDeviceConfiguration.DeviceGroup()
  group.key = -1
  group.devices = [0, 1]
  var sharding = NodeDeviceConfiguration.Sharding()
  sharding.tensorName = "w"
  sharding.devices = [-1, 0]
  sharding.deviceGroups = [group]
  sharding.dimensions = [dimension]
  var configuration = NodeDeviceConfiguration()
  configuration.configurationID = "two"
  configuration.shardings = [sharding]
  configuration.pipelineStage = 3
  return configuration
}
