#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

// The source that the plugin ONNXModels generates calls the declarations of this file.

extension Session {
  /// Makes a model ready to run that the program has as base64 text (RFC 4648), as the plugin
  /// `ONNXModels` writes it.
  /// - Throws: `ModelError.file` for a text that is not the base64 form of a model, other cases of
  ///   `ModelError` from checking.
  public convenience init(
    base64 text: StaticString, options: SessionOptions = SessionOptions()
  ) throws(ModelError) {
    let bytes = text.withUTF8Buffer { Data(base64Encoded: Data($0)).map(Array.init) }
    guard let bytes else { throw .file(FormatError(.invalid("the text is not valid base64"))) }
    let model: Model
    do throws(FormatError) {
      model = try Model(serialized: bytes, options: options.reading)
    } catch {
      throw .file(error)
    }
    try self.init(owning: consume model, options: options)
  }
}

/// The elements of a model's input in row-major order, for a tensor whose shape follows from their
/// number. Types that the plugin `ONNXModels` generates use it.
public struct InputArray<Scalar: Element> {
  private let name: String
  private let elements: [Scalar]

  /// The elements of the input of that name.
  public init(_ name: String, _ elements: [Scalar]) {
    self.name = name
    self.elements = elements
  }

  /// The size of the dimension that is left, where the others have these sizes.
  /// - Throws: `ModelError.input` if no size gives the number of elements.
  public func size(besides sizes: [Int]) throws(ModelError) -> Int {
    let count = sizes.elementCount ?? 0
    if count == 0, elements.isEmpty { return 0 }
    guard count > 0, elements.count.isMultiple(of: count) else {
      throw .input(name, "expected a multiple of \(count) elements, got \(elements.count)")
    }
    return elements.count / count
  }

  /// A tensor of the elements.
  /// - Throws: `ModelError.input` if the shape has another number of elements.
  public func tensor(_ shape: [Int]) throws(ModelError) -> Tensor {
    guard let count = shape.elementCount, count == elements.count else {
      throw .input(
        name,
        "expected \(shape.elementCount.map(String.init) ?? "fewer") elements for the shape \(shape), "
          + "got \(elements.count)")
    }
    return Tensor(shape: shape, elements)
  }
}

/// The outputs of a run by name, each read as the type that the model states. Types that the plugin
/// `ONNXModels` generates use it.
public struct OutputValues {
  private let values: [String: Value]

  /// The result of `Session.run(values:)`.
  public init(_ values: [String: Value]) { self.values = values }

  /// The value of that name.
  /// - Throws: `ModelError.unknownName` if there is none.
  public func value(_ name: String) throws(ModelError) -> Value {
    guard let value = values[name] else {
      throw .unknownName(name, nearest: nearest(name, values.keys.sorted()))
    }
    return value
  }

  /// The tensor of that name.
  /// - Throws: `ModelError.graph` if the output is not a tensor.
  public func tensor(_ name: String) throws(ModelError) -> Tensor {
    guard case .tensor(let tensor) = try value(name) else { throw try mismatch(name, "a tensor") }
    return tensor
  }

  /// The tensors of the sequence of that name.
  /// - Throws: `ModelError.graph` if the output is not a sequence of tensors.
  public func tensors(_ name: String) throws(ModelError) -> [Tensor] {
    guard case .sequence(let sequence) = try value(name) else {
      throw try mismatch(name, "a sequence of tensors")
    }
    let tensors = sequence.elements.compactMap(\.tensor)
    guard tensors.count == sequence.elements.count else {
      throw try mismatch(name, "a sequence of tensors")
    }
    return tensors
  }

  /// The tensor in the optional of that name; `nil` where it is empty.
  /// - Throws: `ModelError.graph` if the output is something else.
  public func optionalTensor(_ name: String) throws(ModelError) -> Tensor? {
    switch try value(name) {
    case .optional(nil, _): return nil
    case .optional(.tensor(let tensor)?, _), .tensor(let tensor): return tensor
    default: throw try mismatch(name, "an optional tensor")
    }
  }

  /// The elements of the tensor of that name, in row-major order.
  /// - Throws: `ModelError.graph` if the output is not a tensor of such elements.
  public func array<T: Element>(_ name: String, as type: T.Type) throws(ModelError) -> [T] {
    guard let array = try? tensor(name).array(as: type) else {
      throw try mismatch(name, "a tensor of \(T.elementType)")
    }
    return array
  }

  /// The only element of the tensor of that name.
  /// - Throws: `ModelError.graph` if the output is not a tensor with one such element.
  public func scalar<T: Element>(_ name: String, as type: T.Type) throws(ModelError) -> T {
    let array = try array(name, as: type)
    guard array.count == 1 else { throw try mismatch(name, "one element") }
    return array[0]
  }

  private func mismatch(_ name: String, _ expected: String) throws(ModelError) -> ModelError {
    .graph("output \(name.quoted): expected \(expected), got \(try value(name).type)")
  }
}
