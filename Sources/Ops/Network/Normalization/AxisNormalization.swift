import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// An array as groups of elements that are normalized together: elements of a group differ in the
/// reduced axes only.
struct AxisGroups: Sendable {
  /// Sizes and strides, in elements, of the axes over groups and of the axes within a group.
  private let outer: [(size: Int, stride: Int)]
  private let inner: [(size: Int, stride: Int)]
  let groups: Int
  /// The number of elements in a group.
  let size: Int

  /// - Parameter axes: the reduced axes, each less than the rank
  init(_ sizes: [Int], axes: Set<Int>) throws(OperatorError) {
    guard let count = sizes.elementCount else {
      throw .invalid("the element count of shape \(sizes) overflows")
    }
    var outer: [(size: Int, stride: Int)] = []
    var inner: [(size: Int, stride: Int)] = []
    var stride = 1
    for axis in sizes.indices.reversed() where count > 0 {
      if axes.contains(axis) {
        inner.append((sizes[axis], stride))
      } else {
        outer.append((sizes[axis], stride))
      }
      stride *= sizes[axis]
    }
    self.outer = outer
    self.inner = inner
    size = count == 0 ? 0 : inner.reduce(1) { $0 * $1.size }
    groups = count == 0 ? 0 : count / size
  }

  /// The offset of a group's first element.
  func start(_ group: Int) -> Int {
    var rest = group
    var place = 0
    for axis in outer {
      place += rest % axis.size * axis.stride
      rest /= axis.size
    }
    return place
  }

  /// Calls `body` with the offset of every element of a group.
  @inline(__always) func forEach(_ group: Int, _ body: (Int) -> Void) {
    let start = start(group)
    guard let run = inner.first else { return body(start) }
    for outerIndex in 0..<size / run.size {
      var rest = outerIndex
      var place = start
      for axis in inner.dropFirst() {
        place += rest % axis.size * axis.stride
        rest /= axis.size
      }
      for _ in 0..<run.size {
        body(place)
        place += run.stride
      }
    }
  }
}

/// An operator that normalizes groups of elements along some axes.
protocol AxisNormalization: WidenedOperator {
  /// Writes the group's normalized elements.
  func normalize<T: RealElement>(
    _ groups: AxisGroups, _ group: Int, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>)
  /// The reduced axes for a tensor of this rank.
  func axes(rank: Int) throws(OperatorError) -> Set<Int>
}

extension AxisNormalization {
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    if let shape = input.shape { _ = try axes(rank: shape.rank) }
    return [.tensor(input)]
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let groups = try AxisGroups(sizes, axes: try axes(rank: sizes.count))
    let tiles = Tiles(groups.groups, cost: .work(groups.size, 4))
    let tile: Buffers.Tile = { buffers, task, _ in
      for group in tiles[task] {
        normalize(groups, group, buffers.input(0, as: T.self), buffers.output(0, as: T.self))
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

/// `y = (x − mean) / (√variance + 10⁻⁹)` over the given axes. An empty list means all axes, as it does
/// for the reductions in the standard's function body.
struct MeanVarianceNormalization: AxisNormalization {
  /// The body that the standard gives for the operator adds float32 constants.
  static func exactInputs(_ node: Node) -> [Int] { [0] }

  static let schema = Schema(
    "MeanVarianceNormalization", [9: .floats, 13: [.floats, .bfloat16]], inputs: 1...1)
  let axes: [Int]

  init(_ node: inout NodeReader) throws(OperatorError) {
    axes = try node.optionalInts("axes") ?? [0, 2, 3]
  }

  func axes(rank: Int) throws(OperatorError) -> Set<Int> {
    if axes.isEmpty { return Set(0..<rank) }
    var result: Set<Int> = []
    for axis in axes { result.insert(try normalized(axis: axis, rank: rank)) }
    return result
  }

  func normalize<T: RealElement>(
    _ groups: AxisGroups, _ group: Int, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>
  ) {
    var mean: T.Compute = 0
    groups.forEach(group) { mean += x[$0].compute }
    mean /= T.Compute(groups.size)
    var variance: T.Compute = 0
    groups.forEach(group) {
      let difference = x[$0].compute - mean
      variance += difference * difference
    }
    let deviation = (variance / T.Compute(groups.size)).squareRoot() + 1e-9
    groups.forEach(group) { y[$0] = T(compute: (x[$0].compute - mean) / deviation) }
  }
}

/// `y = x / (Σ |x|ᵖ)^(1/p)` along an axis, with p 1 or 2; 0 if the norm is 0.
struct LpNormalization: AxisNormalization {
  static let schema = Schema(
    "LpNormalization", [1: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)
  let axis: Int
  let p: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: -1)
    p = try node.int("p", default: 2)
    guard p == 1 || p == 2 else { throw .attribute("p", "expected 1 or 2, got \(p)") }
  }

  func axes(rank: Int) throws(OperatorError) -> Set<Int> {
    [try normalized(axis: axis, rank: rank)]
  }

  func normalize<T: RealElement>(
    _ groups: AxisGroups, _ group: Int, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>
  ) {
    let norm = Norm<T>(p: Double(p))
    var sum = norm.start
    groups.forEach(group) { norm.add(&sum, x[$0]) }
    let length = p == 2 ? sum.squareRoot() : sum
    groups.forEach(group) {
      y[$0] = length == 0 ? T(compute: 0) : T(compute: x[$0].compute / length)
    }
  }
}
