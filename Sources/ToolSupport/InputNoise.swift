import ONNXFormat
import ONNXSupport

extension RandomStream {
  /// A tensor for an input without a file: floating-point elements are uniform in [0, 1], all others
  /// are zero, `false` or empty.
  /// - Throws: `TensorError`
  package mutating func tensor(
    _ elementType: ElementType, shape: [Int]
  ) throws(TensorError) -> Tensor {
    let tensor = try Tensor(uninitialized: elementType, shape: shape)
    let memory = tensor.storage.pointer
    switch elementType {
    case .float32: fill(memory, tensor.count) { $0 }
    case .float64: fill(memory, tensor.count) { Double($0) }
    case .float16: fill(memory, tensor.count) { Float16($0) }
    case .string: break
    default:
      if let type = elementType.smallFloat {
        fill(memory, tensor.count, type)
      } else {
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: tensor.storage.byteCount)
      }
    }
    return tensor
  }

  private mutating func fill<T: SmallFloat>(
    _ memory: UnsafeMutableRawPointer, _ count: Int, _ type: T.Type
  ) {
    fill(memory, count) { T($0) }
  }

  /// - Parameter convert: takes numbers in [0, 1), in steps of 2⁻²⁴
  private mutating func fill<T>(
    _ memory: UnsafeMutableRawPointer, _ count: Int, _ convert: (Float) -> T
  ) {
    let elements = memory.assumingMemoryBound(to: T.self)
    for index in 0..<count { elements[index] = convert(Float(next() >> 40) * 0x1p-24) }
  }
}
