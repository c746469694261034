import ONNXFormat
import ONNXOperators

/// `y = f(x)`, a truth value for each floating-point element.
protocol ClassificationOperator: Operator {
  func test<T: BinaryFloatingPoint>(_ x: T) -> Bool
}

extension ClassificationOperator {
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(.bool, try inputs.tensor(0).shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let type = try call.elementType(0)
    switch type {
    case .float32:
      return elementKernel(count) { (x: UnsafePointer<Float>, y: UnsafeMutablePointer<UInt8>, n) in
        for i in 0..<n { y[i] = test(x[i]) ? 1 : 0 }
      }
    case .float64:
      return elementKernel(count) { (x: UnsafePointer<Double>, y: UnsafeMutablePointer<UInt8>, n) in
        for i in 0..<n { y[i] = test(x[i]) ? 1 : 0 }
      }
    case .float16: return kernel(UInt16.self, type, count)
    case .bfloat16: return kernel(UInt16.self, type, count)
    case _ where TypeSet.float8s.contains(type): return kernel(UInt8.self, type, count)
    default: throw .input(0, "expected floating point, got \(type)")
    }
  }

  /// A kernel that converts blocks to `Float`. `Bits` has the size of an element.
  private func kernel<Bits: FixedWidthInteger & Sendable>(
    _ bits: Bits.Type, _ type: ElementType, _ count: Int
  ) -> Kernel {
    let conversion = ElementConversion(from: type, to: .float32)
    return elementKernel(count) { (x: UnsafePointer<Bits>, y: UnsafeMutablePointer<UInt8>, n) in
      let block = 512
      withUnsafeTemporaryAllocation(of: Float.self, capacity: block) { memory in
        guard let wide = memory.baseAddress, let conversion else { return }
        for start in stride(from: 0, to: n, by: block) {
          let size = min(block, n - start)
          conversion(x + start, wide, size)
          for i in 0..<size { y[start + i] = test(wide[i]) ? 1 : 0 }
        }
      }
    }
  }
}

extension ClassificationOperator {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
