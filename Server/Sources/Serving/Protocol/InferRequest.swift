import NIOCore
import ONNX

/// A request to run a model, as the body states it.
struct InferRequest {
  /// An identifier that the response repeats.
  var id: String?
  /// The input tensors by name.
  var inputs: [String: Tensor] = [:]
  /// The outputs in the response, in this order; empty for all.
  var outputs: [RequestedOutput] = []
  /// Whether outputs are binary unless they say otherwise.
  var isBinary = false
  /// The longest that the request may take.
  var timeout: Duration?
}

/// An output that a request asks for.
struct RequestedOutput {
  /// The name.
  var name: String
  /// Whether the output is sent as bytes; `nil` for what the request states for all outputs.
  var isBinary: Bool?
  /// Sends only the highest values and their indices, so many of them.
  var classes: Int?
}

extension InferRequest {
  /// Reads a body: JSON, and after it the bytes of inputs whose data is binary.
  /// - Parameters:
  ///   - headerLength: the bytes of the JSON, where others follow
  ///   - maxElements: the most elements of all inputs
  /// - Throws: `ServingError`, `TensorError`
  init(_ body: ByteBuffer, headerLength: Int?, maxElements: Int) throws {
    let request = try body.withUnsafeReadableBytes { bytes in
      let length = headerLength ?? bytes.count
      guard 0...bytes.count ~= length else {
        throw ServingError(
          .badRequest,
          "Inference-Header-Content-Length is \(length), but the body has \(bytes.count) bytes")
      }
      var reader = InferRequestReader(
        json: UnsafeRawBufferPointer(rebasing: bytes.prefix(length)),
        binary: bytes.dropFirst(length), maxElements: maxElements)
      return try reader.read()
    }
    self = request
  }
}

/// Reads the body of a request to run a model.
private struct InferRequestReader {
  private let json: UnsafeRawBufferPointer
  /// Binary data that no input has taken yet.
  private var binary: Slice<UnsafeRawBufferPointer>
  private let maxElements: Int
  private var elementCount = 0
  private var request = InferRequest()

  init(json: UnsafeRawBufferPointer, binary: Slice<UnsafeRawBufferPointer>, maxElements: Int) {
    self.json = json
    self.binary = binary
    self.maxElements = maxElements
  }

  mutating func read() throws -> InferRequest {
    var scanner = JSONScanner(json.assumingMemoryBound(to: UInt8.self))
    try scanner.members { scanner, key in
      switch key {
      case "id": request.id = try about("'id'") { try scanner.string() }
      case "parameters": try readParameters(&scanner)
      case "inputs": try scanner.array { scanner in try readInput(&scanner) }
      case "outputs": try scanner.array { scanner in try readOutput(&scanner) }
      default: throw ServingError(.badRequest, "a request has no \(quoted(key))")
      }
    }
    try scanner.finish()
    guard binary.isEmpty else {
      throw ServingError(.badRequest, "no input takes the last \(binary.count) bytes of the body")
    }
    return request
  }

  private mutating func readParameters(_ scanner: inout JSONScanner) throws {
    try scanner.members { scanner, key in
      try about("the parameter \(quoted(key))") {
        switch key {
        case "binary_data_output": request.isBinary = try scanner.bool()
        case "timeout":
          let microseconds: UInt32 = try scanner.integer()
          if microseconds > 0 { request.timeout = .microseconds(Int64(microseconds)) }
        case "priority":
          let priority: UInt64 = try scanner.integer()
          guard priority == 0 else {
            throw ServingError(.badRequest, "all requests have the same priority; expected 0")
          }
        case "sequence_id", "sequence_start", "sequence_end":
          throw ServingError(.badRequest, "no state is kept between requests to infer")
        default: throw ServingError(.badRequest, "this server has no such parameter")
        }
      }
    }
  }

  private mutating func readOutput(_ scanner: inout JSONScanner) throws {
    var output = RequestedOutput(name: "")
    try scanner.members { scanner, key in
      switch key {
      case "name": output.name = try scanner.string()
      case "parameters":
        try scanner.members { scanner, key in
          try about("the parameter \(quoted(key)) of an output") {
            switch key {
            case "binary_data": output.isBinary = try scanner.bool()
            case "classification": output.classes = Int(try scanner.integer() as UInt32)
            default: throw Self.unknownParameter(key)
            }
          }
        }
      default: throw ServingError(.badRequest, "a requested output has no \(quoted(key))")
      }
    }
    guard !request.outputs.contains(where: { $0.name == output.name }) else {
      throw ServingError(.badRequest, "the output \(quoted(output.name)) is requested twice")
    }
    // No model has more; each one is compared with those before.
    guard request.outputs.count < 1000 else {
      throw ServingError(.badRequest, "more than 1000 outputs are requested")
    }
    request.outputs.append(output)
  }

  private static func unknownParameter(_ key: String) -> ServingError {
    key.hasPrefix("shared_memory")
      ? ServingError(.badRequest, "this server does not use shared memory")
      : ServingError(.badRequest, "this server has no such parameter")
  }

  private mutating func readInput(_ scanner: inout JSONScanner) throws {
    var input = InputTensor()
    try scanner.members { scanner, key in
      try about("input \(quoted(input.name ?? "\(request.inputs.count)"))") {
        switch key {
        case "name": input.name = try scanner.string()
        case "datatype": input.datatype = try Datatype(named: try scanner.string())
        case "shape":
          guard input.shape == nil else { throw Self.twice(key) }
          input.shape = try readShape(&scanner)
        case "data":
          guard input.tensor == nil, input.dataPosition == nil else { throw Self.twice(key) }
          if let datatype = input.datatype, let shape = input.shape {
            input.tensor = try readData(&scanner, datatype.type, shape)
          } else {
            input.dataPosition = scanner.position
            try scanner.skip()
          }
        case "parameters":
          try scanner.members { scanner, key in
            try about("the parameter \(quoted(key))") {
              guard key == "binary_data_size" else { throw Self.unknownParameter(key) }
              input.binarySize = try scanner.integer()
            }
          }
        default: throw ServingError(.badRequest, "an input has no \(quoted(key))")
        }
      }
    }
    guard let name = input.name else {
      throw ServingError(.badRequest, "input \(request.inputs.count) lacks 'name'")
    }
    try about("input \(quoted(name))") {
      guard request.inputs[name] == nil else { throw Self.twice(name) }
      request.inputs[name] = try tensor(input, scanner)
    }
  }

  private static func twice(_ key: String) -> ServingError {
    ServingError(.badRequest, "\(quoted(key)) is given twice")
  }

  /// The tensor of an input whose members have all been read.
  private mutating func tensor(_ input: InputTensor, _ scanner: JSONScanner) throws -> Tensor {
    guard let datatype = input.datatype else {
      throw ServingError(.badRequest, "'datatype' is missing")
    }
    guard let shape = input.shape else { throw ServingError(.badRequest, "'shape' is missing") }
    guard let size = input.binarySize else {
      if let tensor = input.tensor { return tensor }
      guard let position = input.dataPosition else {
        throw ServingError(.badRequest, "'data' or the parameter 'binary_data_size' is missing")
      }
      var scanner = scanner
      scanner.position = position
      return try readData(&scanner, datatype.type, shape)
    }
    guard input.tensor == nil, input.dataPosition == nil else {
      throw ServingError(
        .badRequest, "'data' and the parameter 'binary_data_size' exclude each other")
    }
    guard 0...binary.count ~= size else {
      throw ServingError(
        .badRequest,
        "binary_data_size is \(size), but \(binary.count) bytes of binary data are left")
    }
    defer { binary = binary.dropFirst(size) }
    return try readBinary(UnsafeRawBufferPointer(rebasing: binary.prefix(size)), datatype, shape)
  }

  private mutating func readShape(_ scanner: inout JSONScanner) throws -> [Int] {
    var shape: [Int] = []
    try scanner.array { scanner in
      let size: Int = try scanner.integer()
      guard size >= 0 else { throw ServingError(.badRequest, "the shape has the size \(size)") }
      guard shape.count < 64 else {
        throw ServingError(.badRequest, "the shape has more than 64 dimensions")
      }
      shape.append(size)
    }
    // Zeros count as ones, so that strides of an empty tensor do not overflow either.
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: max(size, 1))
      guard !overflow, product <= maxElements - elementCount else {
        throw ServingError(
          .contentTooLarge, "the inputs have more than \(maxElements) elements, which is the limit")
      }
      count = product
    }
    elementCount += count
    return shape
  }

  private func readData<T: TensorElement>(
    _ scanner: inout JSONScanner, _ type: T.Type, _ shape: [Int]
  ) throws -> Tensor {
    // The shortest element takes two bytes, its comma included: a shape costs no memory without data.
    let count = shape.reduce(1, *)
    guard count <= (json.count - scanner.position) / 2 + 1 else {
      throw ServingError(.badRequest, "the data has fewer elements than the \(count) of the shape")
    }
    return try Tensor.filled(type, shape) { elements in try scanner.elements(into: elements) }
  }

  private func readBinary(
    _ bytes: UnsafeRawBufferPointer, _ datatype: Datatype, _ shape: [Int]
  ) throws -> Tensor {
    func read<T: TensorElement>(_ type: T.Type) throws -> Tensor {
      let size = shape.reduce(1, *) * type.smallestBinarySize
      guard type.hasFixedSize ? bytes.count == size : bytes.count >= size else {
        throw ServingError(
          .badRequest,
          "binary_data_size is \(bytes.count), but \(datatype.rawValue) of shape \(shape) takes "
            + "\(type.hasFixedSize ? "" : "at least ")\(size) bytes")
      }
      return try Tensor.filled(type, shape) { elements in try T.decode(bytes, into: elements) }
    }
    return try read(datatype.type)
  }
}

/// What the members of an input state.
private struct InputTensor {
  var name: String?
  var datatype: Datatype?
  var shape: [Int]?
  var binarySize: Int?
  var tensor: Tensor?
  /// Where the data begins, if it comes before the datatype or the shape.
  var dataPosition: Int?
}

extension Tensor {
  /// A tensor whose elements `body` writes, unless it throws.
  fileprivate static func filled<T: Element>(
    _ type: T.Type, _ shape: [Int], _ body: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws -> Tensor {
    var failure: (any Error)?
    let tensor = try Tensor(type, shape: shape) { elements in
      do { try body(elements) } catch { failure = error }
    }
    if let failure { throw failure }
    return tensor
  }
}
