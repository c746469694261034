import ONNXFormat
import ONNXOperators

/// 1 for the first of the largest elements along an axis, 0 for the others.
struct Hardmax: SoftmaxOperator, FlatOperator {
  static let schema = Schema("Hardmax", [13: [.floats, .bfloat16]], inputs: 1...1)
  static var coerces: Bool { false }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    split.hardmaxKernel(type)
  }
}

/// Hardmax before operator set 13: the input is flattened to two dimensions at the axis.
struct Hardmax1: SoftmaxOperator, FlatOperator {
  static let schema = Schema("Hardmax", [1: .floats, 11: .floats], inputs: 1...1)
  static var coerces: Bool { true }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    split.hardmaxKernel(type)
  }
}

extension AxisSplit {
  /// The kernel for a floating-point type, or `nil` for any other type.
  fileprivate func hardmaxKernel(_ type: ElementType) -> Kernel? {
    switch type {
    case .float32: hardmaxKernel(Float.self)
    case .float64: hardmaxKernel(Double.self)
    case .float16: hardmaxKernel(Float16.self)
    case .bfloat16: hardmaxKernel(BFloat16.self)
    default: nil
    }
  }

  private func hardmaxKernel<T: RealElement>(_ type: T.Type) -> Kernel {
    laneKernel { (x: UnsafePointer<T>, y: UnsafeMutablePointer<T>) in
      let best = indexOfBest(x, size, stride: inner) { $0.compute > $1.compute }
      for i in 0..<size { y[i * inner] = T(compute: i == best ? 1 : 0) }
    }
  }
}

extension Hardmax {
  static var versionSteps: [VersionStep] {
    [
      .alongOneAxis, .negativeAxes(11),
    ]
  }
}
