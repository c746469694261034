import ONNXFormat
import ONNXOperators

extension Kernel {
  /// The kernel, preceded by a check that integer input `index` contains no 0.
  func rejectingZeros(
    in index: Int, _ type: ElementType, count: Int
  ) -> Kernel {
    guard TypeSet.integers.contains(type), case .compute(let scratch, let body) = self else {
      return self
    }
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      let hasZero =
        switch type.stride {
        case 1: containsZero(buffers.input(index, as: UInt8.self), count)
        case 2: containsZero(buffers.input(index, as: UInt16.self), count)
        case 4: containsZero(buffers.input(index, as: UInt32.self), count)
        default: containsZero(buffers.input(index, as: UInt64.self), count)
        }
      if hasZero { throw .input(index, "integer division by zero") }
      try body(buffers)
    }
  }
}

private func containsZero<T: FixedWidthInteger>(_ x: UnsafePointer<T>, _ count: Int) -> Bool {
  var zeros = 0
  for i in 0..<count { zeros |= x[i] == 0 ? 1 : 0 }
  return zeros != 0
}
