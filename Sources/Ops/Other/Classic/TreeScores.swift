import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// The aggregation of the votes of all trees to one number for each target.
enum TreeAggregate: Int, CaseIterable, Sendable {
  case average, sum, min, max

  static let names = ["AVERAGE", "SUM", "MIN", "MAX"]
}

/// The function that is applied to the aggregated scores of a row.
enum TreeTransform: Int, CaseIterable, Sendable {
  case none, softmax, logistic, softmaxZero, probit

  static let names = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.choice("post_transform", default: "NONE", among: Self.names)
    self = Self.names.firstIndex(of: name).flatMap(Self.init) ?? .none
  }

  func apply(_ scores: inout [Double]) {
    scores.withUnsafeMutableBufferPointer { apply($0) }
  }

  func apply(_ scores: UnsafeMutableBufferPointer<Double>) {
    switch self {
    case .none: break
    case .softmax:
      let top = scores.max() ?? 0
      for i in scores.indices { scores[i] = .exp(scores[i] - top) }
      scale(scores)
    case .softmaxZero:
      let top = scores.max() ?? 0
      let factor = Double.exp(-top)
      // A score of 0 remains 0: the class has no votes.
      for i in scores.indices {
        scores[i] = abs(scores[i]) > 1e-7 ? .exp(scores[i] - top) : scores[i] * factor
      }
      scale(scores)
    case .logistic: for i in scores.indices { scores[i] = 1 / (1 + .exp(-scores[i])) }
    case .probit:
      for i in scores.indices { scores[i] = 1.41421356 * inverseErf(2 * scores[i] - 1) }
    }
  }

  private func scale(_ scores: UnsafeMutableBufferPointer<Double>) {
    let sum = scores.reduce(0, +)
    for i in scores.indices { scores[i] = sum == 0 ? 0.5 : scores[i] / sum }
  }

  /// Winitzki's approximation, which the reference evaluator of the standard uses.
  private func inverseErf(_ x: Double) -> Double {
    let product = (1 - x) * (1 + x)
    if product == 0 { return 0 }
    let log = Double.log(product)
    let v = 2 / (Double.pi * 0.147) + 0.5 * log
    let root = (v * v - log / 0.147).squareRoot()
    return (x < 0 ? -1 : 1) * (root - v).squareRoot()
  }
}

extension TreeForest {
  /// The votes for each target of a row.
  @inline(__always)
  func scores<T: BinaryFloatingPoint>(
    _ row: (Int) -> T, _ aggregate: TreeAggregate, into scores: inout [Double],
    _ counts: inout [Int]
  ) {
    for i in scores.indices { (scores[i], counts[i]) = (0, 0) }
    for root in roots {
      for vote in votes(root, row) {
        let old = scores[vote.target]
        switch aggregate {
        case .sum, .average: scores[vote.target] = old + vote.weight
        case _ where counts[vote.target] == 0: scores[vote.target] = vote.weight
        case .min: scores[vote.target] = Swift.min(old, vote.weight)
        case .max: scores[vote.target] = Swift.max(old, vote.weight)
        }
        counts[vote.target] += 1
      }
    }
    if aggregate == .average, !roots.isEmpty {
      for i in scores.indices { scores[i] /= Double(roots.count) }
    }
  }

  /// A kernel that calls `write` with the index and the aggregated votes of each row of input 0, `[N, F]`.
  func kernel(
    _ call: Preparation, targets: Int, _ aggregate: TreeAggregate,
    _ write: @escaping @Sendable (Buffers, Int, inout [Double]) -> Void
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    guard sizes.count == 2, sizes[1] >= featureCount else {
      throw .input(0, "expected at least \(featureCount) features, got shape \(sizes)")
    }
    func loop<T>(_ type: T.Type, _ convert: @escaping @Sendable (T) -> Double) -> Kernel {
      let tiles = Tiles(sizes[0], cost: roots.count * 64)
      let tile: Buffers.Tile = { buffers, task, _ in
        let x = buffers.input(0, as: T.self)
        var sums = Array(repeating: 0.0, count: targets)
        var counts = Array(repeating: 0, count: targets)
        for row in tiles[task] {
          let line = x + row * sizes[1]
          scores({ convert(line[$0]) }, aggregate, into: &sums, &counts)
          write(buffers, row, &sums)
        }
      }
      return .compute { buffers in buffers.parallel(tiles.count, tile) }
    }
    switch try call.elementType(0) {
    case .float32: return loop(Float.self) { Double($0) }
    case .float64: return loop(Double.self) { $0 }
    case .float16: return loop(Float16.self) { Double($0) }
    case .int32: return loop(Int32.self) { Double($0) }
    case .int64: return loop(Int64.self) { Double($0) }
    default: throw .input(0, "element type \(try call.elementType(0)) is not supported")
    }
  }
}
