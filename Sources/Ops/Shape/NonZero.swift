import ONNXFormat
import ONNXOperators

/// The indices of the elements that are not zero, `[rank, count]`: a column for each element.
struct NonZero: AttributeFreeOperator {
  static let schema = Schema("NonZero", [9: .classic, 13: .any13], inputs: 1...1)
  static var widening: Widening { .exact }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(.int64, [Dimension(try inputs.tensor(0).shape?.rank), .unknown])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let data = try call.tensor(0)
      try call.reserve(data.count, bytesEach: MemoryLayout<Int>.stride)
      let found = try nonZeros(data)
      let rank = data.shape.count
      let result = try call.allocate(.int64, [rank, found.count])
      let y = result.storage.pointer.assumingMemoryBound(to: Int64.self)
      let strides = rowMajorStrides(data.shape)
      for (axis, size) in data.shape.enumerated() where size > 0 {
        let row = y + axis * found.count
        for i in found.indices { row[i] = Int64(found[i] / strides[axis] % size) }
      }
      return [.tensor(result)]
    }
  }

  private func nonZeros(_ data: Tensor) throws(OperatorError) -> [Int] {
    func find<T>(_ elements: TensorElements<T>, _ isNonZero: (T) -> Bool) -> [Int] {
      elements.indices.filter { isNonZero(elements[$0]) }
    }
    switch data.elementType {
    case .string: return find(data.elements(as: String.self)) { !$0.isEmpty }
    case .float32: return find(data.elements(as: Float.self)) { $0 != 0 }
    case .float64: return find(data.elements(as: Double.self)) { $0 != 0 }
    case .float16: return find(data.elements(as: Float16.self)) { $0 != 0 }
    case .bfloat16: return find(data.elements(as: BFloat16.self)) { $0.float != 0 }
    case .complex64: return find(data.bits(as: SIMD2<Float>.self)) { $0 != .zero }
    case .complex128: return find(data.bits(as: SIMD2<Double>.self)) { $0 != .zero }
    default: break
    }
    switch data.elementType.stride {
    case 1: return find(data.bits(as: UInt8.self)) { $0 != 0 }
    case 2: return find(data.bits(as: UInt16.self)) { $0 != 0 }
    case 4: return find(data.bits(as: UInt32.self)) { $0 != 0 }
    default: return find(data.bits(as: UInt64.self)) { $0 != 0 }
    }
  }
}
