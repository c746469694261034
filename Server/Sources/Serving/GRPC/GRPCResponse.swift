#if GRPC
  import Foundation
  import NIOCore
  import ONNX

  extension Inference_ModelInferResponse {
    /// A response with these outputs: raw if one of them is to be, or has no typed contents.
    init(_ request: InferRequest, _ model: ServedModel, _ outputs: [ResponseOutput]) {
      modelName = model.name
      modelVersion = model.version
      id = request.id ?? ""
      let isRaw = outputs.contains { output in
        output.isBinary || output.datatype == .fp16 || output.datatype == .bf16
      }
      self.outputs = outputs.map { output in
        InferOutputTensor.with { message in
          message.name = output.name
          message.datatype = output.datatype.rawValue
          message.shape = output.tensor.shape.map { Int64($0) }
          if !isRaw { message.contents = Inference_InferTensorContents(output) }
        }
      }
      if isRaw { rawOutputContents = outputs.map(\.bytes) }
    }
  }

  extension ResponseOutput {
    /// The elements as binary data.
    fileprivate var bytes: Data {
      func encoded<T: TensorElement>(_ type: T.Type) -> Data {
        var buffer = ByteBuffer()
        T.encode(tensor, to: &buffer)
        return Data(buffer.readableBytesView)
      }
      return encoded(datatype.type)
    }
  }

  extension Inference_InferTensorContents {
    /// The elements in the field of their data type.
    fileprivate init(_ output: ResponseOutput) {
      let tensor = output.tensor
      switch output.datatype {
      case .bool: boolContents = Array(tensor.elements(as: Bool.self))
      case .int8: intContents = tensor.elements(as: Int8.self).map { Int32($0) }
      case .int16: intContents = tensor.elements(as: Int16.self).map { Int32($0) }
      case .int32: intContents = Array(tensor.elements(as: Int32.self))
      case .int64: int64Contents = Array(tensor.elements(as: Int64.self))
      case .uint8: uintContents = tensor.elements(as: UInt8.self).map { UInt32($0) }
      case .uint16: uintContents = tensor.elements(as: UInt16.self).map { UInt32($0) }
      case .uint32: uintContents = Array(tensor.elements(as: UInt32.self))
      case .uint64: uint64Contents = Array(tensor.elements(as: UInt64.self))
      case .fp32: fp32Contents = Array(tensor.elements(as: Float.self))
      case .fp64: fp64Contents = Array(tensor.elements(as: Double.self))
      case .bytes: bytesContents = tensor.elements(as: String.self).map { Data($0.utf8) }
      // Always raw.
      case .fp16, .bf16: break
      }
    }
  }
#endif
