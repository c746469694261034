import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// `y = a · σ(alpha · a) · b` for each pair of elements.
struct SwiGLU: Operator {
  static let schema = Schema("SwiGLU", [28: [.floats, .bfloat16]], inputs: 2...2)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
  }

  var overwritableInputs: [Int] { [0, 1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(1, sameTypeAs: 0)
    guard let m = a.shape else { return [.tensor(b)] }
    guard let n = b.shape else { return [.tensor(a)] }
    guard m.rank == n.rank,
      zip(m, n).allSatisfy({ $0.size == nil || $1.size == nil || $0 == $1 })
    else { throw .input(1, "expected the shape of input 0, \(m), got \(n)") }
    return [.tensor(a.elementType, Shape(zip(m, n).map { $0.size == nil ? $1 : $0 }))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self)
    case .float64: try kernel(call, Double.self)
    case .float16: try kernel(call, Float16.self)
    case .bfloat16: try kernel(call, BFloat16.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let tiles = Tiles(try call.inputCount(0), cost: 10)
    let factor = T.Compute(alpha)
    let tile: Buffers.Tile = { buffers, task, _ in
      let a = buffers.input(0, as: T.self)
      let b = buffers.input(1, as: T.self)
      let y = buffers.output(0, as: T.self)
      for i in tiles[task] {
        let x = a[i].compute
        // The gate is computed in the type of the input, as in `Swish`.
        let swish = T(compute: x / (1 + .exp(-factor * x)))
        y[i] = T(compute: swish.compute * b[i].compute)
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension SwiGLU {
  static var versionSteps: [VersionStep] {
    [
      .introduced(28) { change throws(OperatorError) in
        let x = try change.input(0)
        let alpha = try change.float("alpha") ?? 1
        var scaled = x
        if alpha != 1 {
          let factor = try change.scalar(Double(alpha), try change.elementType(0), "alpha")
          scaled = change.emit("Mul", [x, factor])
        }
        let gated = change.emit("Mul", [x, change.emit("Sigmoid", [scaled])])
        change.become("Mul", [gated, try change.input(1)])
      }
    ]
  }
}
