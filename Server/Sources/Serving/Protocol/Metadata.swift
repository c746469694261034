import ONNX

/// The version of the server: that of the tools.
public let serverVersion = "0.6.0-dev"

/// The server, as `GET /v2` describes it.
struct ServerMetadata: Encodable {
  var name = "onnx-serve"
  var version = serverVersion
  var extensions = [
    "binary_tensor_data", "classification", "generate", "model_configuration", "model_repository",
  ]
}

/// A model, as `GET /v2/models/{m}` describes it.
struct ModelMetadata: Encodable {
  let name: String
  let versions: [String]
  let platform = "onnx"
  let inputs: [TensorMetadata]
  let outputs: [TensorMetadata]

  init(_ model: ServedModel, versions: [String]) {
    name = model.name
    self.versions = versions
    inputs = model.session.inputs.compactMap(TensorMetadata.init)
    outputs = model.session.outputs.compactMap(TensorMetadata.init)
  }
}

/// An input or output of a model.
struct TensorMetadata: Encodable {
  let name: String
  let datatype: String
  /// The sizes, -1 for one that is free; `nil` for a tensor of unknown rank.
  let shape: [Int]?

  /// - Returns: `nil` for a value that is not a tensor
  init?(_ info: ValueInfo) {
    guard let type = info.type?.tensorType else { return nil }
    name = info.name
    datatype = Datatype(type.elementType)?.rawValue ?? "\(type.elementType)".uppercased()
    shape = type.shape?.map { $0.size ?? -1 }
  }
}

/// The parts of Triton's model configuration that apply to this server.
struct ModelConfiguration: Encodable {
  struct Value: Encodable {
    let name: String
    let dataType: String
    let dims: [Int]?

    enum CodingKeys: String, CodingKey {
      case name
      case dataType = "data_type"
      case dims
    }

    init(_ tensor: TensorMetadata) {
      name = tensor.name
      dataType = "TYPE_" + (tensor.datatype == "BYTES" ? "STRING" : tensor.datatype)
      dims = tensor.shape
    }
  }

  let name: String
  let platform = "onnx"
  /// 0: the shapes of inputs and outputs contain the batch.
  let maxBatchSize = 0
  let input: [Value]
  let output: [Value]

  enum CodingKeys: String, CodingKey {
    case name, platform, input, output
    case maxBatchSize = "max_batch_size"
  }

  init(_ metadata: ModelMetadata) {
    name = metadata.name
    input = metadata.inputs.map(Value.init)
    output = metadata.outputs.map(Value.init)
  }
}
