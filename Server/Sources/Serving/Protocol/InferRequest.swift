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
  private var budget: ElementBudget
  private var request = InferRequest()

  init(json: UnsafeRawBufferPointer, binary: Slice<UnsafeRawBufferPointer>, maxElements: Int) {
    self.json = json
    self.binary = binary
    budget = ElementBudget(limit: maxElements)
  }

  mutating func read() throws -> InferRequest {
    var scanner = JSONScanner(json.assumingMemoryBound(to: UInt8.self))
    try scanner.members { scanner, key in
      switch key {
      case "id": request.id = try about("'id'") { try scanner.string() }
      case "parameters":
        try scanner.members { scanner, key in try request.readParameter(key, &scanner) }
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

  private mutating func readOutput(_ scanner: inout JSONScanner) throws {
    var output = RequestedOutput(name: "")
    try scanner.members { scanner, key in
      switch key {
      case "name": output.name = try scanner.string()
      case "parameters":
        try scanner.members { scanner, key in try output.readParameter(key, &scanner) }
      default: throw ServingError(.badRequest, "a requested output has no \(quoted(key))")
      }
    }
    try request.add(output)
  }

  private mutating func readInput(_ scanner: inout JSONScanner) throws {
    var input = InputTensor()
    try scanner.members { scanner, key in
      try about("input \(quoted(input.name ?? "\(request.inputs.count)"))") {
        switch key {
        case "name": input.name = try scanner.string()
        case "datatype": input.datatype = try Datatype(named: try scanner.string())
        case "shape":
          guard input.shape == nil else { throw ServingError.twice(key) }
          input.shape = try readShape(&scanner)
        case "data":
          guard input.tensor == nil, input.dataPosition == nil else {
            throw ServingError.twice(key)
          }
          if let datatype = input.datatype, let shape = input.shape {
            input.tensor = try readData(&scanner, datatype.type, shape)
          } else {
            input.dataPosition = scanner.position
            try scanner.skip()
          }
        case "parameters":
          try scanner.members { scanner, key in
            try about("the parameter \(quoted(key))") {
              guard key == "binary_data_size" else { throw ServingError.unknownParameter(key) }
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
      guard request.inputs[name] == nil else { throw ServingError.twice(name) }
      request.inputs[name] = try tensor(input, scanner)
    }
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
    return try Tensor.decoded(
      UnsafeRawBufferPointer(rebasing: binary.prefix(size)), datatype, shape, "binary_data_size")
  }

  private mutating func readShape(_ scanner: inout JSONScanner) throws -> [Int] {
    var shape: [Int] = []
    try scanner.array { scanner in
      guard shape.count <= ElementBudget.maxRank else { return try scanner.skip() }
      shape.append(try scanner.integer())
    }
    try budget.take(shape)
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
