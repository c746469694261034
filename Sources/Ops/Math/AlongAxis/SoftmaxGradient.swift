import CKernels
import ONNXFormat
import ONNXOperators

/// A softmax or log-softmax, whose gradient is computed from its output.
protocol DifferentiableSoftmax: SoftmaxOperator, DifferentiableOperator {
  static var kind: SoftmaxKind { get }
}

extension DifferentiableSoftmax {
  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    split.softmaxKernel(Self.kind, type, threads: threads)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let y = backward.output(0)
    backward.set(
      0,
      backward.builder.node(
        SoftmaxGradient<Self>.schema.name, [gradient, y], backward.forward.attributes,
        domain: Registry.privateDomain, operatorSet: backward.operatorSet,
        hint: "\(backward.input(0))_grad"))
  }
}

/// The gradient of softmax, `y ⊙ (g − Σ g ⊙ y)`, or log-softmax, `g − eʸ Σ g`, along the axis.
///
/// Inputs: the gradient g of the output, and the output y.
struct SoftmaxGradient<Base: DifferentiableSoftmax>: Operator {
  static var schema: Schema {
    Schema(Base.schema.name + "Grad", gradientOf: Base.schema, inputs: 2...2, outputs: 1...1)
  }
  let base: Base

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  var overwritableInputs: [Int] { [0, 1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let y = try inputs.tensor(1, sameTypeAs: 0)
    let shape = try OperandAlignment.none.shape(y.shape, try inputs.tensor(0).shape)
    if let rank = shape?.rank { _ = try base.axis(rank: rank) }
    return [.tensor(y.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let split = try base.split(call.inputSizes(0))
    let type = try call.elementType(0)
    guard let kernel = split.softmaxGradientKernel(Base.kind, type) else {
      throw .input(0, "unexpected element type \(type)")
    }
    return kernel
  }
}

extension AxisSplit {
  /// The gradient kernel for a floating-point type, or `nil` for any other type.
  func softmaxGradientKernel(_ kind: SoftmaxKind, _ type: ElementType) -> Kernel? {
    switch type {
    case .float32: floatGradientKernel(kind)
    case .float64: gradientKernel(kind, Double.self)
    case .float16: gradientKernel(kind, Float16.self)
    case .bfloat16: gradientKernel(kind, BFloat16.self)
    default: nil
    }
  }

  private func floatGradientKernel(_ kind: SoftmaxKind) -> Kernel {
    let (outer, size, inner) = (outer, size, inner)
    if inner == 1 {
      let rowsPerTask = max(1, 8192 / max(size, 1))
      let loop = kind == .plain ? ck_softmax_grad : ck_log_softmax_grad
      let tile: Buffers.Tile = { buffers, task, _ in
        let first = task * rowsPerTask
        let start = first * size
        loop(
          buffers.input(1) + start, buffers.input(0) + start, buffers.output(0) + start,
          min(rowsPerTask, outer - first), size)
      }
      let tasks = size == 0 ? 0 : (outer + rowsPerTask - 1) / rowsPerTask
      return .compute { buffers in buffers.parallel(tasks, tile) }
    }
    let loop = kind == .plain ? ck_softmax_grad_columns : ck_log_softmax_grad_columns
    return blockKernel(width: 64) { buffers, start, columns, _ in
      loop(
        buffers.input(1) + start, buffers.input(0) + start, buffers.output(0) + start, size, inner,
        columns)
    }
  }

  private func gradientKernel<T: RealElement>(_ kind: SoftmaxKind, _ type: T.Type) -> Kernel {
    let (size, inner) = (size, inner)
    return blockKernel(width: 1) { buffers, start, _, _ in
      let g = buffers.input(0, as: T.self) + start
      let y = buffers.input(1, as: T.self) + start
      let gx = buffers.output(0, as: T.self) + start
      var sum: T.Compute = 0
      switch kind {
      case .plain:
        for i in 0..<size { sum += g[i * inner].compute * y[i * inner].compute }
        for i in 0..<size {
          gx[i * inner] = T(compute: y[i * inner].compute * (g[i * inner].compute - sum))
        }
      case .logarithm:
        for i in 0..<size { sum += g[i * inner].compute }
        for i in 0..<size {
          gx[i * inner] = T(compute: g[i * inner].compute - .exp(y[i * inner].compute) * sum)
        }
      }
    }
  }
}
