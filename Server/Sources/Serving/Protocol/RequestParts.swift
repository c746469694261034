import ONNX

// What requests over HTTP and over gRPC state in the same way.

extension InferRequest {
  /// Reads a parameter of the request.
  mutating func readParameter(_ key: String, _ scanner: inout JSONScanner) throws {
    try about("the parameter \(quoted(key))") {
      switch key {
      case "binary_data_output": isBinary = try scanner.bool()
      case "timeout":
        let microseconds: UInt32 = try scanner.integer()
        if microseconds > 0 { timeout = .microseconds(Int64(microseconds)) }
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

  /// Adds an output that is asked for.
  mutating func add(_ output: RequestedOutput) throws {
    guard !outputs.contains(where: { $0.name == output.name }) else {
      throw ServingError(.badRequest, "the output \(quoted(output.name)) is requested twice")
    }
    // No model has more; each one is compared with those before.
    guard outputs.count < 1000 else {
      throw ServingError(.badRequest, "more than 1000 outputs are requested")
    }
    outputs.append(output)
  }
}

extension RequestedOutput {
  /// Reads a parameter of the output.
  mutating func readParameter(_ key: String, _ scanner: inout JSONScanner) throws {
    try about("the parameter \(quoted(key)) of an output") {
      switch key {
      case "binary_data": isBinary = try scanner.bool()
      case "classification": classes = Int(try scanner.integer() as UInt32)
      default: throw ServingError.unknownParameter(key)
      }
    }
  }
}

/// The elements that the inputs of a request may still have.
struct ElementBudget {
  /// The most dimensions of an input.
  static let maxRank = 64

  /// The most elements of all inputs.
  let limit: Int
  private var count = 0

  init(limit: Int) { self.limit = limit }

  /// Checks a shape, and counts its elements.
  mutating func take(_ shape: [Int]) throws {
    if let size = shape.first(where: { $0 < 0 }) {
      throw ServingError(.badRequest, "the shape has the size \(size)")
    }
    guard shape.count <= Self.maxRank else {
      throw ServingError(.badRequest, "the shape has more than \(Self.maxRank) dimensions")
    }
    // Zeros count as ones, so that strides of an empty tensor do not overflow either.
    var elements = 1
    for size in shape {
      let (product, overflow) = elements.multipliedReportingOverflow(by: max(size, 1))
      guard !overflow, product <= limit - count else {
        throw ServingError(
          .contentTooLarge, "the inputs have more than \(limit) elements, which is the limit")
      }
      elements = product
    }
    count += elements
  }
}

extension Tensor {
  /// A tensor whose elements `body` writes, unless it throws.
  static func filled<T: Element>(
    _ type: T.Type, _ shape: [Int], _ body: (UnsafeMutableBufferPointer<T>) throws -> Void
  ) throws -> Tensor {
    var failure: (any Error)?
    let tensor = try Tensor(type, shape: shape) { elements in
      do { try body(elements) } catch { failure = error }
    }
    if let failure { throw failure }
    return tensor
  }

  /// A tensor from binary data.
  /// - Parameters:
  ///   - shape: one that `ElementBudget` has checked
  ///   - field: what states the number of bytes
  static func decoded(
    _ bytes: UnsafeRawBufferPointer, _ datatype: Datatype, _ shape: [Int], _ field: String
  ) throws -> Tensor {
    func read<T: TensorElement>(_ type: T.Type) throws -> Tensor {
      let size = shape.reduce(1, *) * type.smallestBinarySize
      guard type.hasFixedSize ? bytes.count == size : bytes.count >= size else {
        throw ServingError(
          .badRequest,
          "\(field) is \(bytes.count), but \(datatype.rawValue) of shape \(shape) takes "
            + "\(type.hasFixedSize ? "" : "at least ")\(size) bytes")
      }
      return try Tensor.filled(type, shape) { elements in try T.decode(bytes, into: elements) }
    }
    return try read(datatype.type)
  }
}

extension ServingError {
  static func unknownRepositoryParameter(_ key: String) -> ServingError {
    ServingError(
      .badRequest, "this server has no parameter \(quoted(key)): models come from its folder")
  }

  static func twice(_ key: String) -> ServingError {
    ServingError(.badRequest, "\(quoted(key)) is given twice")
  }

  static func unknownParameter(_ key: String) -> ServingError {
    key.hasPrefix("shared_memory")
      ? ServingError(.badRequest, "this server does not use shared memory")
      : ServingError(.badRequest, "this server has no such parameter")
  }
}
