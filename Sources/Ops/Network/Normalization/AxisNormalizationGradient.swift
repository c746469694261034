import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// A normalization of groups of elements with a gradient.
protocol DifferentiableAxisNormalization: AxisNormalization, DifferentiableOperator {
  /// Writes the gradient with respect to the elements x of a group, given the gradient of the
  /// result.
  func gradient<T: RealElement>(
    _ groups: AxisGroups, _ group: Int, _ g: UnsafePointer<T>, _ x: UnsafePointer<T>,
    _ y: UnsafeMutablePointer<T>)
}

extension DifferentiableAxisNormalization {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(
      gradientOf: 0, to: AxisNormalizationGrad<Self>.schema.name, [gradient, backward.input(0)])
  }
}

/// The gradient of a normalization along axes. Inputs are the gradient of the result, and x.
struct AxisNormalizationGrad<Base: DifferentiableAxisNormalization>: WidenedOperator {
  static var schema: Schema {
    Schema(Base.schema.name + "Grad", gradientOf: Base.schema, inputs: 2...2, outputs: 1...1)
  }
  let base: Base

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(1, sameTypeAs: 0)
    try inputs.check(0, isLike: x.shape, type: x.elementType)
    if let shape = x.shape { _ = try base.axes(rank: shape.rank) }
    return [.tensor(x)]
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(1)
    let groups = try AxisGroups(sizes, axes: try base.axes(rank: sizes.count))
    let tiles = Tiles(groups.groups, cost: .work(groups.size, 8))
    let tile: Buffers.Tile = { buffers, task, _ in
      for group in tiles[task] {
        base.gradient(
          groups, group, buffers.input(0, as: T.self), buffers.input(1, as: T.self),
          buffers.output(0, as: T.self))
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension MeanVarianceNormalization: DifferentiableAxisNormalization {
  /// With `s = √variance + 10⁻⁹` and `d = x − mean`:
  /// `gx = (g − mean(g)) / s − d · Σ(g · d) / (n · √variance · s²)`.
  func gradient<T: RealElement>(
    _ groups: AxisGroups, _ group: Int, _ g: UnsafePointer<T>, _ x: UnsafePointer<T>,
    _ y: UnsafeMutablePointer<T>
  ) {
    let count = T.Compute(groups.size)
    var (mean, meanG): (T.Compute, T.Compute) = (0, 0)
    groups.forEach(group) {
      mean += x[$0].compute
      meanG += g[$0].compute
    }
    mean /= count
    meanG /= count
    var (squares, product): (T.Compute, T.Compute) = (0, 0)
    groups.forEach(group) {
      let difference = x[$0].compute - mean
      squares += difference * difference
      product += difference * g[$0].compute
    }
    let root = (squares / count).squareRoot()
    let deviation = root + 1e-9
    let factor = root == 0 ? 0 : product / (count * root * deviation * deviation)
    groups.forEach(group) {
      let own = (g[$0].compute - meanG) / deviation
      y[$0] = T(compute: own - (x[$0].compute - mean) * factor)
    }
  }
}

extension LpNormalization: DifferentiableAxisNormalization {
  /// With the norm N and `y = x / N`: `gx = (g − z · Σ(g · y)) / N`, where z is y for p = 2 and the
  /// sign of x for p = 1. If N is 0, the gradient is 0.
  func gradient<T: RealElement>(
    _ groups: AxisGroups, _ group: Int, _ g: UnsafePointer<T>, _ x: UnsafePointer<T>,
    _ y: UnsafeMutablePointer<T>
  ) {
    let norm = Norm<T>(p: Double(p))
    var sum = norm.start
    var product: T.Compute = 0
    groups.forEach(group) {
      norm.add(&sum, x[$0])
      product += g[$0].compute * x[$0].compute
    }
    let length = p == 2 ? sum.squareRoot() : sum
    guard length != 0 else { return groups.forEach(group) { y[$0] = T(compute: 0) } }
    product /= length
    groups.forEach(group) {
      let value = x[$0].compute
      let z: T.Compute = p == 2 ? value / length : value < 0 ? -1 : value > 0 ? 1 : 0
      y[$0] = T(compute: (g[$0].compute - z * product) / length)
    }
  }
}
