import ONNXFormat
import ONNXInterpreter

/// A restricted Boltzmann machine with binary units: visible ones, `v`, and hidden ones, `h`, with the
/// energy `E(v, h) = −b·v − c·h − h·W v`.
///
/// The parameters are `weight`, which is `W`, `[units, visible]`, `bias`, which is `c`, and
/// `visible_bias`, which is `b`. Hinton, "A practical guide to training restricted Boltzmann machines",
/// 2010.
package struct BoltzmannMachine: Sendable {
  /// The number of hidden units.
  package var units: Int
  /// The initializer of the weights.
  package var weight = Initializer.normal(deviation: 0.01)
  /// The number of steps of Gibbs sampling, `k` of CD-k.
  package var gibbsSteps = 1
  /// The factor of the penalty `½ · weightDecay · ‖W‖²`.
  package var weightDecay = 2e-4

  /// Pattern for the values through which no gradient flows.
  package static let stopped = "*.stopped*"

  package init(_ units: Int) { self.units = units }

  /// The values that a machine computes from visible units `[N, visible]`.
  struct Values {
    /// `P(h = 1 | v)`, `[N, units]`.
    var hidden: Signal
    /// `P(v = 1 | h)` for the probabilities `hidden` in place of `h`, `[N, visible]`.
    var reconstruction: Signal
    /// The mean squared difference of `v` and `reconstruction`, `[N]`. The gradient of its mean is the
    /// update of contrastive divergence.
    var error: Signal
  }

  /// Adds the machine to a model.
  /// - Parameter v: The visible units or their probabilities, `[N, visible]`.
  func callAsFunction(_ v: Signal, in m: ModelBuilder) throws(ModelError) -> Values {
    let visible = try v.size(-1, for: "BoltzmannMachine")
    let nodes = Nodes(
      weight: try m.parameter("weight", [units, visible], weight),
      hiddenBias: try m.parameter("bias", [units], .zeros),
      visibleBias: try m.parameter("visible_bias", [visible], .zeros))
    let hidden = try Sigmoid()(nodes.up(v, m), in: m)
    return Values(
      hidden: hidden, reconstruction: try nodes.down(hidden, m),
      error: try error(of: nodes.stopped(v, m), nodes, m))
  }

  /// The reconstruction error, whose gradient is that of `F(v) − F(v') + ½ · weightDecay · ‖W‖²`, where
  /// `F(v) = −b·v − Σ ln(1 + exp(c + W v))` is the free energy and `v'` the constant end of a Gibbs
  /// chain that begins at `v`.
  ///
  /// As in section 3 of the guide, the chain draws the hidden units and takes the probabilities of the
  /// visible ones, and the gradient contains probabilities: `⟨v P(h|v)⟩ − ⟨v' P(h|v')⟩`.
  private func error(
    of v: Signal, _ nodes: Nodes, _ m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let first = try nodes.up(v, m)
    let hidden = try Sigmoid()(first, in: m)
    var (last, end) = (first, v)
    for step in 0..<gibbsSteps {
      let drawn = try m.node(
        "Bernoulli", [step == 0 ? hidden : Sigmoid()(last, in: m)],
        [.int("dtype", Int(ElementType.bool.rawValue))])
      end = try nodes.stopped(nodes.down(m.cast(drawn, to: v.elementType), m), m)
      last = try nodes.up(end, m)
    }
    let softplus = try m.node(
      "Sub", [Softplus()(last, in: m), Softplus()(first, in: m)])
    let linear = try m.node("MatMul", [m.node("Sub", [end, v]), nodes.visibleBias])
    let penalty = try m.multiply(
      m.node("ReduceSumSquare", [nodes.weight], [.int("keepdims", 0)]),
      m.scalar(weightDecay / 2))
    let energy = try m.add(m.add(linear, sum(softplus, m)), penalty)

    let difference = try m.node("Sub", [v, nodes.down(hidden, m)])
    let error = try m.node(
      "ReduceMean", [m.multiply(difference, difference), m.integers([1], hint: "axes")],
      [.int("keepdims", 0)])
    // The energy and its copy cancel out; only the first has a gradient.
    let zero = try m.node("Sub", [energy, nodes.stopped(energy, m)])
    return try m.add(nodes.stopped(error, m), zero)
  }

  private func sum(_ x: Signal, _ m: ModelBuilder) throws(ModelError) -> Signal {
    try m.node("ReduceSum", [x, m.integers([1], hint: "axes")], [.int("keepdims", 0)])
  }
}

/// The parameters of a machine and the nodes that take them.
private struct Nodes {
  let weight: Signal
  let hiddenBias: Signal
  let visibleBias: Signal

  /// `c + W v`
  func up(_ v: Signal, _ m: ModelBuilder) throws(ModelError) -> Signal {
    try m.node("Gemm", [v, weight, hiddenBias], [.int("transB", 1)])
  }

  /// `P(v = 1 | h)`
  func down(_ h: Signal, _ m: ModelBuilder) throws(ModelError) -> Signal {
    try Sigmoid()(m.node("Gemm", [h, weight, visibleBias]), in: m)
  }

  /// `x` without a gradient.
  func stopped(_ x: Signal, _ m: ModelBuilder) throws(ModelError) -> Signal {
    try m.nodes("Identity", [x], outputs: ["stopped"])[0]
  }
}
