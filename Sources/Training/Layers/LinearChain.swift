import ONNXFormat
import ONNXInterpreter

/// The names of a linear-chain conditional random field's values in a model.
public struct LinearChainNames: Sendable, Hashable {
  /// The score of each class after each class, `[C, C]`: row `i`, column `j` is that of `j` after `i`.
  public var transitions: String
  /// The score of each class at the start of a sequence, `[C]`.
  public var start: String
  /// The score of each class at the end of a sequence, `[C]`.
  public var end: String
  /// The output with the best classes, int64 `[N, T]`.
  public var decoded: String

  /// The names that `LinearChain` gives its parameters in a scope.
  public init(scope: String, decoded: String) {
    transitions = "\(scope).transitions"
    start = "\(scope).start_transitions"
    end = "\(scope).end_transitions"
    self.decoded = decoded
  }
}

/// A linear-chain conditional random field (Lafferty, McCallum and Pereira, 2001) over emissions
/// `[N, T, C]`: the score of a sequence of classes is the sum of its emissions and of `transitions`
/// between neighbours, `start_transitions` and `end_transitions`, which are parameters.
///
/// `Loss.linearChain` trains it.
public struct LinearChain: Sendable {
  /// The initializer of the parameters; `U(±0.1)` as in pytorch-crf.
  public var weight = Initializer.uniform(-0.1, 0.1)

  /// Creates a chain.
  public init() {}

  /// Adds the sequences with the highest scores, which Viterbi's algorithm (1967) finds: a `Scan` of
  /// maxima, and one of the way back.
  /// - Parameters:
  ///   - emissions: The score of each class at each step, `[N, T, C]`.
  ///   - lengths: The length of each sequence, at least 1, int32 `[N]`.
  /// - Returns: The classes, int64 `[N, T]`, −1 past the end of a sequence, and their scores, `[N]`.
  /// - Throws: `ModelError` if the number of classes is not known.
  public func decode(
    _ emissions: Signal, lengths: Signal, in m: ModelBuilder
  ) throws(ModelError) -> (classes: Signal, scores: Signal) {
    try emissions.expect(rank: 3, "[N, T, C]", for: "LinearChain")
    let count = try emissions.size(2, for: "LinearChain")
    let start = try m.parameter("start_transitions", [count], weight)
    let transitions = try m.parameter("transitions", [count, count], weight)
    let end = try m.parameter("end_transitions", [count], weight)
    // The steps after each step, with one past the end, so that there is always a step to scan.
    let first = try m.slice(emissions, axis: 1, from: 0, to: 1)
    let next = try m.concatenate(
      [m.slice(emissions, axis: 1, from: 1, to: .max), first], axis: 1)
    let one = try m.constant(Tensor(1 as Int32), hint: "one")
    let isFollowed = try m.unsqueeze(
      m.isInside(emissions, lengths: m.node("Sub", [lengths, one])), 2)
    let best = try m.scan(
      "best", states: [m.add(m.squeeze(first, 1), start)], over: [(next, 1), (isFollowed, 1)]
    ) { m, states, slices throws(ModelError) in
      let sums = try m.add(m.unsqueeze(states[0], 2), transitions)
      let highest = try m.maximum(sums, axis: 1)
      let from = try m.node("ArgMax", [sums], [.int("axis", 1), .int("keepdims", 0)])
      // Past the end, scores stay and each class comes from itself.
      let own = try m.integers(Array(0..<count), hint: "classes")
      return (
        [try m.node("Where", [slices[1], m.add(highest, slices[0]), states[0]])],
        [try m.node("Where", [slices[1], from, own])]
      )
    }
    let totals = try m.add(best.states[0], end)
    let last = try m.node("ArgMax", [totals], [.int("axis", 1), .int("keepdims", 1)])
    let path = try m.scan(
      "path", states: [last], over: [(best.outputs[0], 0)], outputAxis: 1, isReversed: true
    ) { m, states, slices throws(ModelError) in
      let from = try m.node("GatherElements", [slices[0], states[0]], [.int("axis", 1)])
      return ([from], [try m.squeeze(from, 1)])
    }
    let classes = try m.padded(path.outputs[0], m.isInside(emissions, lengths: lengths))
    return (classes, try m.maximum(totals, axis: 1))
  }
}

extension ModelBuilder {
  /// Which steps of `x`, `[N, T, …]`, are before the end of their sequence: bool `[N, T]`.
  func isInside(_ x: Signal, lengths: Signal) throws(ModelError) -> Signal {
    let size = try squeeze(node("Shape", [x], [.int("start", 1), .int("end", 2)]), 0)
    let zero = try constant(Tensor(0 as Int64), hint: "zero")
    let one = try constant(Tensor(1 as Int64), hint: "one")
    let steps = try node("Range", [zero, size, one])
    return try node("Less", [steps, unsqueeze(cast(lengths, to: .int64), 1)])
  }

  /// `classes` with −1 past the end of a sequence.
  func padded(_ classes: Signal, _ isInside: Signal) throws(ModelError) -> Signal {
    try node("Where", [isInside, classes, constant(Tensor(-1 as Int64), hint: "none")])
  }

  /// The maximum along an axis, which is removed.
  fileprivate func maximum(_ x: Signal, axis: Int) throws(ModelError) -> Signal {
    try node("ReduceMax", [x, integers([axis], hint: "axes")], [.int("keepdims", 0)])
  }
}
