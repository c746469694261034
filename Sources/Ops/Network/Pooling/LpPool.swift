import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// `(Σ |x|ᵖ)^(1/p)` of each window.
struct LpPool: PoolOperator, WidenedOperator {
  static let schema = Schema(
    "LpPool",
    [1: .floats, 2: .floats, 11: .floats, 18: .floats, 22: [.floats, .bfloat16]],
    inputs: 1...1)
  let windows: WindowAttributes
  let p: Double

  init(_ node: inout NodeReader) throws(OperatorError) {
    windows = try WindowAttributes(
      &node, dilations: node.version >= 18, ceilMode: node.version >= 18)
    p = try node.normOrder()
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let (window, images) = try geometry(call)
    return poolingKernel(Norm<T>(p: p), window, images: images)
  }
}

extension NodeReader {
  /// Reads attribute `p` of the pooling norms: a float in version 1, an integer since; default 2.
  mutating func normOrder() throws(OperatorError) -> Double {
    let p = version == 1 ? Double(try float("p", default: 2)) : Double(try int("p", default: 2))
    guard p > 0, p.isFinite else { throw .attribute("p", "expected a positive number, got \(p)") }
    return p
  }
}

/// The p-norm of a window.
struct Norm<T: RealElement>: WindowReduction {
  let order: T.Compute

  init(p: Double) { order = T.Compute(p) }

  var start: T.Compute { 0 }

  @inline(__always) func add(_ sum: inout T.Compute, _ x: T) {
    let x = x.compute
    sum += order == 2 ? x * x : order == 1 ? abs(x) : T.Compute.pow(abs(x), order)
  }

  func finish(_ sum: T.Compute, count: Int) -> T {
    T(compute: order == 2 ? sum.squareRoot() : order == 1 ? sum : T.Compute.pow(sum, 1 / order))
  }
}

extension LpPool {
  static var versionSteps: [VersionStep] {
    [
      .integerOrder, .added(18, ["ceil_mode": .int(0), "dilations": .ints(1)]),
    ]
  }
}

extension VersionStep {
  /// The step of the order `p` of the pooling norms from a float to an integer.
  static let integerOrder = VersionStep(
    2,
    up: { change throws(OperatorError) in
      guard let p = try change.float("p") else { return }
      guard let whole = Int(exactly: p) else {
        throw .attribute("p", "expected an integer from version 2 on, got \(p)")
      }
      change.set(.int("p", whole))
    },
    down: { change throws(OperatorError) in
      guard let p = try change.int("p") else { return }
      change.set(.float("p", Float(p)))
    })
}

extension LpPool {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    try windows.steps(site).map { .window($0) } ?? .wholeSequence
  }
}
