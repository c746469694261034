#if GRPC
  import GRPCCore
  import GRPCProtobuf

  /// The calls of the protocol. Requests to run a model are checked before they are read.
  struct GRPCMethods: RegistrableRPCService {
    let calls: GRPCInference

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
      typealias Infer = Inference_GRPCInferenceService.Method.ModelInfer
      calls.registerMethods(with: &router)
      router.registerHandler(
        forMethod: Infer.descriptor, deserializer: GRPCInferReader(),
        serializer: ProtobufSerializer<Inference_ModelInferResponse>()
      ) { request, context in
        StreamingServerResponse(
          single: try await calls.modelInfer(
            request: ServerRequest(stream: request), context: context))
      }
    }
  }

  /// Reads requests to run a model, unless they have so many parts that these would take much more
  /// memory than their bytes: an input without members has two bytes, and a hundred as a value.
  struct GRPCInferReader: MessageDeserializer {
    /// The most fields of a request, of its inputs and of its outputs.
    private static let maxFields = 20_000
    /// The numbers of `inputs` and `outputs`.
    private static let nested: Set<UInt64> = [5, 6]

    func deserialize<Bytes: GRPCContiguousBytes>(
      _ bytes: Bytes
    ) throws -> Inference_ModelInferRequest {
      try bytes.withUnsafeBytes { bytes in
        var count = 0
        try Self.countFields(bytes[...], &count, Self.nested)
      }
      return try ProtobufDeserializer().deserialize(bytes)
    }

    /// Counts fields up to the first that is not valid, where the message cannot be read either.
    private static func countFields(
      _ message: Slice<UnsafeRawBufferPointer>, _ count: inout Int, _ nested: Set<UInt64>
    ) throws {
      var rest = message
      while let tag = number(&rest) {
        count += 1
        guard count <= maxFields else {
          throw ServingError(
            .contentTooLarge, "the message has more than \(maxFields) fields, which is the limit")
        }
        switch tag & 7 {
        case 0: _ = number(&rest)
        case 1: rest = rest.dropFirst(8)
        case 2:
          guard let length = number(&rest), length <= rest.count else { return }
          if nested.contains(tag >> 3) {
            try countFields(rest.prefix(Int(length)), &count, [])
          }
          rest = rest.dropFirst(Int(length))
        case 5: rest = rest.dropFirst(4)
        default: break
        }
      }
    }

    /// Takes a number of variable length.
    private static func number(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: 0, to: 70, by: 7) {
        guard let byte = bytes.popFirst() else { return nil }
        value |= UInt64(byte & 0x7F) << UInt64(shift)
        if byte < 0x80 { return value }
      }
      return nil
    }
  }
#endif
