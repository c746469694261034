import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The attributes that RNN, LSTM and GRU share.
package struct RecurrentAttributes: Sendable {
  /// For each direction, whether it goes from the last step to the first.
  package let reversed: [Bool]
  /// The activation functions of each direction, as many as the cell has.
  package let activations: [[RecurrentActivation]]
  /// The arguments of the gates' activations are clipped to `−clip...clip`.
  package let clip: Float?
  /// Whether all activations are those of the standard, without `clip`.
  package let isStandard: Bool
  package let hiddenSize: Int?
  /// `layout` 1: the batch comes before the steps and the directions.
  package let batchFirst: Bool
  /// The node's packed weights.
  let cache = ParameterCache()

  package var directions: Int { reversed.count }

  /// - Parameter defaults: the cell's activation functions
  package init(
    _ node: inout NodeReader, defaults: [RecurrentActivation.Function]
  ) throws(OperatorError) {
    // GRU 1 spells its default 'foward'.
    let spellings = ["forward", "reverse", "bidirectional"] + (node.version == 1 ? ["foward"] : [])
    switch try node.choice("direction", default: "forward", among: spellings) {
    case "reverse": reversed = [true]
    case "bidirectional": reversed = [false, true]
    default: reversed = [false]
    }

    hiddenSize = try node.optionalInt("hidden_size")
    if let hiddenSize {
      guard hiddenSize > 0, hiddenSize <= Int(Int32.max) else {
        throw .attribute("hidden_size", "expected a positive number of units, got \(hiddenSize)")
      }
    }
    clip = try node.optionalFloat("clip")
    if let clip {
      guard clip > 0 else { throw .attribute("clip", "expected a positive bound, got \(clip)") }
    }
    batchFirst = node.version >= 14 ? try node.flag("layout") : false
    // In version 1 a node states whether it wants Y. Whether it names Y means the same.
    if node.version < 7 { _ = try node.flag("output_sequence") }

    let activations = try Self.activations(&node, defaults, directions: reversed.count)
    self.activations = activations
    isStandard = clip == nil && activations.allSatisfy { $0.map(\.function) == defaults }
  }

  private static func activations(
    _ node: inout NodeReader, _ defaults: [RecurrentActivation.Function], directions: Int
  ) throws(OperatorError) -> [[RecurrentActivation]] {
    let count = defaults.count * directions
    var alphas = try node.optionalFloats("activation_alpha")
    var betas = try node.optionalFloats("activation_beta")
    if alphas?.isEmpty == true { alphas = nil }
    if betas?.isEmpty == true { betas = nil }
    guard var names = try node.optionalStrings("activations"), !names.isEmpty else {
      let list = defaults.map { RecurrentActivation($0) }
      return Array(repeating: list, count: directions)
    }
    // The default of RNN names two functions, whatever the direction; the first is used.
    if defaults.count == 1, directions == 1, names.count == 2 { names.removeLast() }
    guard names.count == count else {
      throw .attribute("activations", "expected \(count) functions, got \(names.count)")
    }
    let list = try RecurrentActivation.list(names, alphas: alphas, betas: betas)
    return (0..<directions).map { direction in
      Array(list[direction * defaults.count..<(direction + 1) * defaults.count])
    }
  }
}

extension VersionStep {
  /// Since operator set 7, the node's outputs alone decide whether the sequence is computed.
  static let outputSequence = VersionStep(
    7,
    up: { change throws(OperatorError) in change.drop("output_sequence") },
    down: { change throws(OperatorError) in
      if change.hasOutput(0) { change.set(.int("output_sequence", 1)) }
    })

  /// Since operator set 14, the batch may come first.
  static let recurrentLayout = VersionStep(
    14,
    down: { change throws(OperatorError) in
      let isBatchFirst = try change.int("layout") == 1
      change.drop("layout")
      guard isBatchFirst else { return }
      for input in [0, 5, 6] { change.precede(input, "Transpose", [], [.ints("perm", [1, 0, 2])]) }
      change.follow(0, "Transpose", [], [.ints("perm", [2, 0, 1, 3])])
      for output in 1...2 {
        change.follow(output, "Transpose", [], [.ints("perm", [1, 0, 2])])
      }
    })
}
