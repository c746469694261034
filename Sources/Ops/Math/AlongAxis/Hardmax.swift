import ONNXFormat
import ONNXOperators

/// 1 for the first of the largest elements along an axis, 0 for the others. NaN counts as the largest.
struct Hardmax: SoftmaxOperator, FlatOperator {
  static let schema = Schema("Hardmax", [13: [.floats, .bfloat16]], inputs: 1...1)
  static var coerces: Bool { false }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    type.dispatchReal(to: HardmaxKernel(), split)
  }
}

/// Hardmax before operator set 13: the input is flattened to two dimensions at the axis.
struct Hardmax1: SoftmaxOperator, FlatOperator {
  static let schema = Schema("Hardmax", [1: .floats, 11: .floats], inputs: 1...1)
  static var coerces: Bool { true }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    type.dispatchReal(to: HardmaxKernel(), split)
  }
}

private struct HardmaxKernel: RealVisitor {
  func visit<T: RealElement>(_ type: T.Type, _ split: AxisSplit) -> Kernel {
    let (size, inner) = (split.size, split.inner)
    return split.laneKernel { (x: UnsafePointer<T>, y: UnsafeMutablePointer<T>) in
      var (best, value) = (0, x[0].compute)
      for i in 1..<size {
        let next = x[i * inner].compute
        if next > value || (next.isNaN && !value.isNaN) { (best, value) = (i, next) }
      }
      for i in 0..<size { y[i * inner] = T(compute: i == best ? 1 : 0) }
    }
  }
}
