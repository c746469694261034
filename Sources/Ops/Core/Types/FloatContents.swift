import ONNXFormat

extension Tensor {
  /// The elements of a tensor of floats, converted to `Double`; `nil` for other types.
  package var doubles: [Double]? {
    switch elementType {
    case .float32: elements(as: Float.self).map { Double($0) }
    case .float64: Array(elements(as: Double.self))
    case .float16: elements(as: Float16.self).map { Double($0) }
    case .bfloat16: elements(as: BFloat16.self).map { Double($0.float) }
    default: nil
    }
  }
}

extension TensorStorage {
  package var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}
