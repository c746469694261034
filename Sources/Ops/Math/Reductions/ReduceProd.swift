import ONNXFormat
import ONNXOperators

/// `Π x`, 1 for an empty reduction.
struct ReduceProd: ReductionOperator, DifferentiableOperator {
  static let schema = Schema("ReduceProd", ReduceProd.sumVersions, inputs: 1...2)
  static var widening: Widening { .wrapping }
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(ValueProduct.self, type)
  }

  /// `∂y/∂xᵢ = Π xⱼ` over all j ≠ i.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let kept = try keepingAxes(gradient, &backward)
    backward.set(0, backward.builder.privateNode("ReduceProdGrad", [kept, backward.input(0)]))
  }
}

/// The gradient of a product, `gxᵢ = g · Π xⱼ` over all j ≠ i.
///
/// Inputs: the gradient `g`, with reduced axes of size 1, and `x`.
struct ReduceProdGrad: RealOperator {
  static let schema = Schema(
    "ReduceProdGrad", domain: Registry.privateDomain, [1: [.floats, .bfloat16]], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(1, sameTypeAs: 0)
    let gradient = try inputs.tensor(0).shape
    if let gradient, let shape = x.shape, gradient.rank != shape.rank {
      throw .input(0, "expected rank \(shape.rank), got shape \(gradient)")
    }
    try Broadcast.require(gradient, fits: x.shape, input: 0)
    return [.tensor(x)]
  }

  func visit<T: RealElement>(
    _ type: T.Type, _ call: Preparation
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(1)
    let kept = try call.inputSizes(0)
    if sizes.contains(0) { return .compute { _ in } }
    let strides = zip(rowMajorStrides(sizes), rowMajorStrides(kept)).map {
      SIMD4($0, $1, 0, 0)
    }
    func walk(_ isReduced: Bool) -> StridedWalk {
      let axes = sizes.indices.reversed().filter { (kept[$0] != sizes[$0]) == isReduced }
      return StridedWalk(innermostFirst: axes.map { sizes[$0] }, axes.map { strides[$0] })
    }
    let (outputs, elements) = (walk(false), walk(true))
    let tiles = Tiles(outputs.count, cost: elements.count)
    let tile: Buffers.Tile = { buffers, task, _ in
      let g = buffers.input(0, as: T.self)
      let x = buffers.input(1, as: T.self)
      let gx = buffers.output(0, as: T.self)
      outputs.forEach(tiles[task]) { _, places in
        var (product, zeros) = (1 as T.Compute, 0)
        elements.forEach(0..<elements.count) {
          let value = x[places[0] + $1[0]].compute
          if value == 0 { zeros += 1 } else { product *= value }
        }
        product *= g[places[1]].compute
        elements.forEach(0..<elements.count) {
          let place = places[0] + $1[0]
          let value = x[place].compute
          let isOnlyZero = value == 0 && zeros == 1
          gx[place] = T(compute: isOnlyZero ? product : zeros > 0 ? 0 : product / value)
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}
