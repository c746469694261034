import COnnxInterface
import Glibc
import ONNX

/// Makes a sequence; see `onnxc.h`.
@c @implementation
public func onnx_make_sequence(
  _ elements: UnsafePointer<OpaquePointer?>?, _ count: Int
) -> OpaquePointer? {
  reportingErrors { handle(ValueHandle(.sequence(try sequence(elements, count)))) }
}

/// Makes a map; see `onnxc.h`.
@c @implementation
public func onnx_make_map(
  _ keys: OpaquePointer?, _ elements: UnsafePointer<OpaquePointer?>?, _ count: Int
) -> OpaquePointer? {
  reportingErrors {
    let keys = try object(keys, as: ValueHandle.self).tensor()
    guard keys.shape == [count] else {
      throw CallError("a map of \(count) values has keys of shape \(keys.shape)")
    }
    let values = try sequence(elements, count)
    return handle(ValueHandle(.map(MapValue(keys: try MapValue.Keys(keys), values: values))))
  }
}

/// Makes an optional; see `onnxc.h`.
@c @implementation
public func onnx_make_optional(_ value: OpaquePointer?) -> OpaquePointer? {
  reportingErrors {
    let value = try value.map { try object($0, as: ValueHandle.self).value }
    return handle(ValueHandle(.optional(value, type: value?.type)))
  }
}

private func sequence(
  _ start: UnsafePointer<OpaquePointer?>?, _ count: Int
) throws -> SequenceValue {
  let elements = try list(start, count).map { try object($0, as: ValueHandle.self).value }
  return SequenceValue(elements, elementType: elements.commonType)
}

/// Reads a serialised value; see `onnxc.h`.
@c @implementation
public func onnx_parse(
  _ start: UnsafeRawPointer?, _ size: Int, _ kind: Int32
) -> OpaquePointer? {
  reportingErrors {
    let bytes = try bytes(start, size)
    let value: Value
    switch Int(kind) {
    case ONNX_TENSOR: value = try Value(serialized: bytes, as: .tensor)
    case ONNX_SPARSE_TENSOR: value = try Value(serialized: bytes, as: .sparseTensor)
    case ONNX_MAP: value = try Value(serialized: bytes, as: .map)
    // An empty message has no bytes.
    case ONNX_SEQUENCE where bytes.isEmpty: value = .sequence(SequenceValue([]))
    case ONNX_SEQUENCE: value = try Value(serialized: bytes, as: .sequence)
    case ONNX_OPTIONAL where bytes.isEmpty: value = .optional(nil, type: nil)
    case ONNX_OPTIONAL: value = try Value(serialized: bytes, as: .optional)
    default: throw CallError("\(kind) is not the kind of a value; the kinds are 1 to 5")
    }
    return handle(ValueHandle(value))
  }
}

/// Serialises a value; see `onnxc.h`.
@c @implementation
public func onnx_serialize(
  _ value: OpaquePointer?, _ size: UnsafeMutablePointer<Int>?
) -> UnsafeMutableRawPointer? {
  reportingErrors {
    try block(try object(value, as: ValueHandle.self).value.serialized(), size)
  }
}

/// A copy of bytes in memory of `malloc`.
func block(
  _ bytes: [UInt8], _ size: UnsafeMutablePointer<Int>?
) throws -> UnsafeMutableRawPointer {
  guard let size else { throw CallError.null }
  guard let block = malloc(max(bytes.count, 1)) else {
    throw TensorError.outOfMemory(bytes: bytes.count)
  }
  bytes.withUnsafeBytes { source in
    if let base = source.baseAddress { block.copyMemory(from: base, byteCount: source.count) }
  }
  size.pointee = bytes.count
  return block
}

/// The number of values in a value; see `onnxc.h`.
@c @implementation
public func onnx_count(_ value: OpaquePointer?) -> Int {
  (try? object(value, as: ValueHandle.self))?.value.contents.count ?? 0
}

/// A value in a value; see `onnxc.h`.
@c @implementation
public func onnx_element(_ value: OpaquePointer?, _ index: Int) -> OpaquePointer? {
  reportingErrors {
    let contents = try object(value, as: ValueHandle.self).value.contents
    guard contents.indices.contains(index) else {
      throw CallError("the value holds \(contents.count) values; there is none at \(index)")
    }
    return handle(ValueHandle(contents[index]))
  }
}

/// The keys of a map; see `onnxc.h`.
@c @implementation
public func onnx_keys(_ value: OpaquePointer?) -> OpaquePointer? {
  reportingErrors {
    let value = try object(value, as: ValueHandle.self).value
    guard case .map(let map) = value else {
      throw CallError("the value is \(value.type), not a map")
    }
    return handle(ValueHandle(.tensor(map.keys.tensor)))
  }
}

extension MapValue.Keys {
  /// The keys in a tensor with one axis.
  /// - Throws: `CallError` for elements that are neither integers nor strings.
  fileprivate init(_ tensor: Tensor) throws {
    func integers<T: Element & FixedWidthInteger>(_ type: T.Type) throws -> MapValue.Keys {
      .integers(try tensor.array(as: T.self).map { Int64(truncatingIfNeeded: $0) }, T.elementType)
    }
    switch tensor.elementType {
    case .string: self = .strings(try tensor.array(as: String.self))
    case .int8: self = try integers(Int8.self)
    case .int16: self = try integers(Int16.self)
    case .int32: self = try integers(Int32.self)
    case .int64: self = try integers(Int64.self)
    case .uint8: self = try integers(UInt8.self)
    case .uint16: self = try integers(UInt16.self)
    case .uint32: self = try integers(UInt32.self)
    case .uint64: self = try integers(UInt64.self)
    default: throw CallError("the keys of a map are integers or strings, not \(tensor.elementType)")
    }
  }

  fileprivate var tensor: Tensor {
    switch self {
    case .integers(let keys, _): Tensor(shape: [keys.count], keys)
    case .strings(let keys): Tensor(shape: [keys.count], keys)
    }
  }
}

extension Value {
  /// The values that a sequence, a map or an optional holds.
  fileprivate var contents: [Value] {
    switch self {
    case .tensor, .sparseTensor: []
    case .sequence(let sequence): sequence.elements
    case .map(let map): map.values.elements
    case .optional(let value, _): value.map { [$0] } ?? []
    }
  }

  /// Copies tensors whose memory others hold too: inputs, constants of the model, other outputs.
  mutating func makeOwn() throws(TensorError) {
    let value = self
    self = .sequence(SequenceValue([]))
    switch consume value {
    case .tensor(var tensor):
      if tensor.elementType != .string, !tensor.hasUniqueStorage() { tensor = try tensor.copied() }
      self = .tensor(tensor)
    case .sequence(var sequence):
      for index in sequence.elements.indices { try sequence.elements[index].makeOwn() }
      self = .sequence(sequence)
    case .map(var map):
      for index in map.values.elements.indices { try map.values.elements[index].makeOwn() }
      self = .map(map)
    case .optional(var content, let type):
      try content?.makeOwn()
      self = .optional(content, type: type)
    case .sparseTensor(let sparse): self = .sparseTensor(sparse)
    }
  }
}
