#if GRPC
  import Foundation
  import NIOCore
  import ONNX

  extension InferRequest {
    /// Reads a message.
    ///
    /// Outputs are raw where the inputs are, unless the parameters `binary_data_output` and
    /// `binary_data` say otherwise.
    /// - Parameter maxElements: the most elements of all inputs
    /// - Throws: `ServingError`, `TensorError`
    init(_ message: Inference_ModelInferRequest, maxElements: Int) throws {
      id = message.id.isEmpty ? nil : message.id
      let raw = message.rawInputContents
      isBinary = !raw.isEmpty || message.inputs.isEmpty
      for (key, value) in message.parameters {
        try value.withScanner { scanner in try readParameter(key, &scanner) }
      }
      guard raw.isEmpty || raw.count == message.inputs.count else {
        throw ServingError(
          .badRequest,
          "raw_input_contents has \(raw.count) items, but there are \(message.inputs.count) inputs")
      }
      var budget = ElementBudget(limit: maxElements)
      for (index, input) in message.inputs.enumerated() {
        try about("input \(quoted(input.name))") {
          guard inputs[input.name] == nil else { throw ServingError.twice(input.name) }
          inputs[input.name] = try input.tensor(raw.isEmpty ? nil : raw[index], &budget)
        }
      }
      for output in message.outputs {
        var wanted = RequestedOutput(name: output.name)
        for (key, value) in output.parameters {
          try value.withScanner { scanner in try wanted.readParameter(key, &scanner) }
        }
        try add(wanted)
      }
    }
  }

  extension Inference_InferParameter {
    /// Reads the value as that of a request over HTTP.
    fileprivate func withScanner(_ body: (inout JSONScanner) throws -> Void) throws {
      var json = JSONWriter()
      switch parameterChoice {
      case .boolParam(let value): json.write("\(value)")
      case .int64Param(let value): json.write("\(value)")
      case .uint64Param(let value): json.write("\(value)")
      case .doubleParam(let value): value.write(to: &json)
      case .stringParam(let value): json.string(value)
      case nil: json.write("null")
      }
      try json.buffer.withUnsafeReadableBytes { bytes in
        var scanner = JSONScanner(bytes.assumingMemoryBound(to: UInt8.self))
        try body(&scanner)
      }
    }
  }

  extension Inference_ModelInferRequest.InferInputTensor {
    fileprivate func tensor(_ raw: Data?, _ budget: inout ElementBudget) throws -> Tensor {
      if let key = parameters.keys.first {
        throw ServingError(
          .badRequest,
          "the parameter \(quoted(key)): \(ServingError.unknownParameter(key).description)")
      }
      let datatype = try Datatype(named: datatype)
      let sizes = shape.map { Int($0) }
      try budget.take(sizes)
      guard let raw else { return try contents.tensor(datatype, sizes) }
      guard !hasContents else {
        throw ServingError(.badRequest, "'contents' and 'raw_input_contents' exclude each other")
      }
      return try raw.withUnsafeBytes { bytes in
        try Tensor.decoded(bytes, datatype, sizes, "the size of raw_input_contents")
      }
    }
  }

  extension Inference_InferTensorContents {
    /// The tensor of the elements.
    fileprivate func tensor(_ datatype: Datatype, _ shape: [Int]) throws -> Tensor {
      func filled<Value, T: TensorElement>(
        _ values: [Value], _ field: String, _ convert: (Value) throws -> T
      ) throws -> Tensor {
        let count = shape.reduce(1, *)
        guard values.count == count else {
          throw ServingError(
            .badRequest,
            "\(field) has \(values.count) elements, but \(datatype.rawValue) of shape \(shape) takes "
              + "\(count)")
        }
        return try Tensor.filled(T.self, shape) { elements in
          for (index, value) in values.enumerated() { elements[index] = try convert(value) }
        }
      }
      func narrow<Value: FixedWidthInteger, T: TensorElement & FixedWidthInteger>(
        _ values: [Value], _ field: String, _ type: T.Type
      ) throws -> Tensor {
        try filled(values, field) { value in
          guard let element = T(exactly: value) else {
            throw ServingError(.badRequest, "\(value) is out of range for \(datatype.rawValue)")
          }
          return element
        }
      }
      switch datatype {
      case .bool: return try filled(boolContents, "bool_contents") { $0 }
      case .int8: return try narrow(intContents, "int_contents", Int8.self)
      case .int16: return try narrow(intContents, "int_contents", Int16.self)
      case .int32: return try narrow(intContents, "int_contents", Int32.self)
      case .int64: return try narrow(int64Contents, "int64_contents", Int64.self)
      case .uint8: return try narrow(uintContents, "uint_contents", UInt8.self)
      case .uint16: return try narrow(uintContents, "uint_contents", UInt16.self)
      case .uint32: return try narrow(uintContents, "uint_contents", UInt32.self)
      case .uint64: return try narrow(uint64Contents, "uint64_contents", UInt64.self)
      case .fp32: return try filled(fp32Contents, "fp32_contents") { $0 }
      case .fp64: return try filled(fp64Contents, "fp64_contents") { $0 }
      case .bytes:
        return try filled(bytesContents, "bytes_contents") { bytes in
          guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ServingError(.badRequest, "an element of bytes_contents is not valid UTF-8")
          }
          return text
        }
      case .fp16, .bf16:
        throw ServingError(
          .badRequest, "\(datatype.rawValue) has no typed contents; send it in raw_input_contents")
      }
    }
  }
#endif
