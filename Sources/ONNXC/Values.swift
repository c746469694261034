import COnnxInterface
import Glibc
import ONNX

/// A value for C, with what its functions return pointers to.
final class ValueHandle {
  let value: Value
  private var shape: UnsafeMutablePointer<Int64>?
  private var strings: (bytes: UnsafeMutablePointer<CChar>, offsets: UnsafeMutablePointer<Int>)?

  init(_ value: Value) { self.value = value }

  deinit {
    shape?.deallocate()
    strings?.bytes.deallocate()
    strings?.offsets.deallocate()
  }

  /// The tensor.
  /// - Throws: `CallError` for a value of another kind.
  func tensor() throws -> Tensor {
    guard case .tensor(let tensor) = value else {
      throw CallError("the value is \(value.type), not a tensor")
    }
    return tensor
  }

  func describe(_ tensor: Tensor) -> onnx_tensor {
    let isString = tensor.elementType == .string
    return onnx_tensor(
      element_type: tensor.elementType.rawValue, rank: Int32(tensor.shape.count),
      shape: shape(tensor), data: isString ? nil : tensor.storage.pointer)
  }

  private func shape(_ tensor: Tensor) -> UnsafePointer<Int64> {
    if let shape { return UnsafePointer(shape) }
    let sizes = copyOfSizes(tensor.shape)
    shape = sizes
    return UnsafePointer(sizes)
  }

  /// The bytes of all strings, and where each begins and ends.
  func texts(
    _ tensor: Tensor
  ) -> (bytes: UnsafeMutablePointer<CChar>, offsets: UnsafeMutablePointer<Int>) {
    if let strings { return strings }
    let elements = tensor.elements(as: String.self)
    let size = elements.reduce(0) { $0 + $1.utf8.count }
    let bytes = UnsafeMutablePointer<CChar>.allocate(capacity: max(size, 1))
    let offsets = UnsafeMutablePointer<Int>.allocate(capacity: elements.count + 1)
    var next = 0
    for (index, element) in elements.enumerated() {
      offsets[index] = next
      for byte in element.utf8 {
        bytes[next] = CChar(bitPattern: byte)
        next += 1
      }
    }
    offsets[elements.count] = next
    strings = (bytes, offsets)
    return (bytes, offsets)
  }
}

/// A copy of a shape, which the caller deallocates.
func copyOfSizes(_ shape: [Int]) -> UnsafeMutablePointer<Int64> {
  let sizes = UnsafeMutablePointer<Int64>.allocate(capacity: max(shape.count, 1))
  for (index, size) in shape.enumerated() { sizes[index] = Int64(size) }
  return sizes
}

extension onnx_tensor {
  /// The element type and the shape.
  /// - Throws: `CallError` for numbers that mean no type.
  func type() throws -> (ElementType, [Int]) {
    guard let type = ElementType(rawValue: element_type), type != .undefined else {
      throw CallError("\(element_type) is not an element type of TensorProto.DataType")
    }
    guard rank >= 0 else { throw CallError("expected a rank from 0, got \(rank)") }
    return (type, try list(shape, Int(rank)).map(Int.init))
  }
}

/// Makes a tensor over the caller's elements; see `onnxc.h`.
@c @implementation
public func onnx_make_tensor(
  _ elements: UnsafePointer<onnx_tensor>?,
  _ release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
  _ context: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  nonisolated(unsafe) let context = context
  let made = reportingErrors {
    guard let elements = elements?.pointee else { throw CallError.null }
    return try tensor(elements) { _ in release?(context) }
  }
  guard let made else {
    release?(context)
    return nil
  }
  return handle(ValueHandle(.tensor(made)))
}

/// A tensor over the caller's elements.
/// - Throws: `CallError`, `TensorError`; the elements then still belong to the caller.
private func tensor(
  _ elements: onnx_tensor, _ release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
) throws -> Tensor {
  let (type, shape) = try elements.type()
  guard type != .string else { throw CallError("onnx_make_strings makes tensors of strings") }
  guard let count = shape.elementCount else { throw TensorError.shape(shape) }
  let (size, overflow) = count.multipliedReportingOverflow(by: type.stride)
  guard !overflow else { throw TensorError.shape(shape) }
  guard let start = elements.data else {
    guard count == 0 else { throw CallError.null }
    let tensor = try Tensor(uninitialized: type, shape: shape)
    release(UnsafeRawBufferPointer(start: nil, count: 0))
    return tensor
  }
  let bytes = UnsafeRawBufferPointer(start: start, count: size)
  guard type.isChecked else {
    return try Tensor(bytesNoCopy: bytes, type, shape: shape, deallocator: release)
  }
  let copy = try Tensor(copying: start, type, shape: shape)
  release(bytes)
  return copy
}

/// Makes a tensor of strings; see `onnxc.h`.
@c @implementation
public func onnx_make_strings(
  _ shape: UnsafePointer<Int64>?, _ rank: Int32, _ bytes: UnsafePointer<CChar>?,
  _ offsets: UnsafePointer<Int>?
) -> OpaquePointer? {
  reportingErrors {
    guard let offsets else { throw CallError.null }
    let sizes = try list(shape, Int(rank)).map(Int.init)
    let tensor = try Tensor(uninitialized: .string, shape: sizes)
    let strings = tensor.storage.pointer.assumingMemoryBound(to: String.self)
    for index in 0..<tensor.count {
      let (start, end) = (offsets[index], offsets[index + 1])
      guard start >= 0, start <= end, bytes != nil || start == end else {
        throw CallError("string \(index) ends before it begins")
      }
      strings[index] = String(
        decoding: UnsafeRawBufferPointer(start: bytes.map { $0 + start }, count: end - start),
        as: UTF8.self)
    }
    return handle(ValueHandle(.tensor(tensor)))
  }
}

/// Frees a value; see `onnxc.h`.
@c @implementation
public func onnx_free_value(_ value: OpaquePointer?) { release(value) }

/// The kind of a value; see `onnxc.h`.
@c @implementation
public func onnx_kind(_ value: OpaquePointer?) -> Int32 {
  switch (try? object(value, as: ValueHandle.self))?.value {
  case .tensor: Int32(ONNX_TENSOR)
  case .sparseTensor: Int32(ONNX_SPARSE_TENSOR)
  case .sequence: Int32(ONNX_SEQUENCE)
  case .map: Int32(ONNX_MAP)
  case .optional: Int32(ONNX_OPTIONAL)
  case nil: 0
  }
}

/// Describes a tensor; see `onnxc.h`.
@c @implementation
public func onnx_get_tensor(
  _ value: OpaquePointer?, _ elements: UnsafeMutablePointer<onnx_tensor>?
) -> Int32 {
  status {
    guard let elements else { throw CallError.null }
    let value = try object(value, as: ValueHandle.self)
    elements.pointee = value.describe(try value.tensor())
  }
}

/// The strings of a tensor; see `onnxc.h`.
@c @implementation
public func onnx_get_strings(
  _ value: OpaquePointer?, _ shape: UnsafeMutablePointer<onnx_tensor>?,
  _ bytes: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ offsets: UnsafeMutablePointer<UnsafePointer<Int>?>?
) -> Int32 {
  status {
    guard let shape, let bytes, let offsets else { throw CallError.null }
    let value = try object(value, as: ValueHandle.self)
    let tensor = try value.tensor()
    guard tensor.elementType == .string else {
      throw CallError("the tensor holds \(tensor.elementType), not strings")
    }
    let texts = value.texts(tensor)
    shape.pointee = value.describe(tensor)
    bytes.pointee = UnsafePointer(texts.bytes)
    offsets.pointee = UnsafePointer(texts.offsets)
  }
}
