import Glibc
import ONNX
import OperatorLaws
import Testing

/// Examples from the papers and lectures on recurrent networks.
@Suite struct WorkedRecurrentTests {
  typealias Values = [Double]

  private func σ(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
  /// Pseudo-random numbers between −1 and 1.
  private func noise(_ count: Int, _ seed: Int) -> Values {
    (0..<count).map { Double((($0 + seed) * 7919 + seed * 104_729) % 2003) / 1001 - 1 }
  }
  private func tensor(_ shape: [Int], _ values: Values) -> Tensor { Tensor(shape: shape, values) }
  private func product(_ matrix: ArraySlice<Double>, _ x: Values) -> Values {
    stride(from: matrix.startIndex, to: matrix.endIndex, by: x.count).map { row in
      zip(matrix[row...], x).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }
  private func rows(_ matrix: Values, _ gate: Int, of gates: Int) -> ArraySlice<Double> {
    let size = matrix.count / gates
    return matrix[gate * size..<(gate + 1) * size]
  }
  private func values(_ tensor: Tensor?) throws -> Values {
    try #require(tensor).array(as: Double.self)
  }
  private func expect(
    _ tensor: Tensor?, _ expected: Values, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      try near(tensor, expected, 1e-12) { (x: Double) in x }, sourceLocation: sourceLocation)
  }

  /// The `index`-th part of that size.
  private func part(_ values: Values, _ index: Int, size: Int) -> Values {
    Array(values[index * size..<(index + 1) * size])
  }

  // Steps, input and hidden size of these examples; the batch is 1.
  let T = 4
  let I = 2
  let H = 3

  /// The LSTM of 1997 had no forget gate: `C = C₋₁ + i ∘ a`. A forget gate whose weights are 0 and
  /// whose bias is 100 stays open.
  @Test func lstmWithoutForgetGate() throws {
    let X = noise(T * I, 1)
    var (W, R, B) = (noise(4 * H * I, 2), noise(4 * H * H, 3), noise(8 * H, 4))
    W.replaceSubrange(2 * H * I..<3 * H * I, with: Values(repeating: 0, count: H * I))
    R.replaceSubrange(2 * H * H..<3 * H * H, with: Values(repeating: 0, count: H * H))
    B.replaceSubrange(2 * H..<3 * H, with: Values(repeating: 100, count: H))
    B.replaceSubrange(6 * H..<7 * H, with: Values(repeating: 0, count: H))
    let outputs = try checkOperator(
      Node("LSTM", inputs: ["X", "W", "R", "B"], outputs: ["", "Y_h", "Y_c"]),
      [
        tensor([T, 1, I], X), tensor([1, 4 * H, I], W), tensor([1, 4 * H, H], R),
        tensor([1, 8 * H], B),
      ])

    var h = Values(repeating: 0, count: H)
    var C = h
    for t in 0..<T {
      let x = part(X, t, size: I)
      func sum(_ gate: Int) -> Values {
        let w = product(rows(W, gate, of: 4), x)
        let r = product(rows(R, gate, of: 4), h)
        return (0..<H).map { w[$0] + r[$0] + B[gate * H + $0] + B[(4 + gate) * H + $0] }
      }
      let i = sum(0).map(σ)
      let o = sum(1).map(σ)
      let a = sum(3).map(tanh)
      for u in 0..<H { C[u] += i[u] * a[u] }
      for u in 0..<H { h[u] = o[u] * tanh(C[u]) }
    }
    try expect(outputs[1], h)
    try expect(outputs[2], C)
  }

  /// The peephole paper's output has no squashing: `σh(x) = x` is Affine with α = 1, β = 0.
  @Test func peepholeLSTMWithTheIdentityAtItsOutput() throws {
    let X = noise(T * I, 1)
    let (W, R) = (noise(4 * H * I, 2), noise(4 * H * H, 3))
    let (B, P) = (noise(8 * H, 4), noise(3 * H, 5))
    let outputs = try checkOperator(
      Node(
        "LSTM", inputs: ["X", "W", "R", "B", "", "", "", "P"], outputs: ["", "Y_h", "Y_c"],
        attributes: [
          .strings("activations", ["Sigmoid", "Tanh", "Affine"]),
          .floats("activation_alpha", [1]), .floats("activation_beta", [0]),
        ]),
      [
        tensor([T, 1, I], X), tensor([1, 4 * H, I], W), tensor([1, 4 * H, H], R),
        tensor([1, 8 * H], B), nil, nil, nil, tensor([1, 3 * H], P),
      ])

    var h = Values(repeating: 0, count: H)
    var c = h
    for t in 0..<T {
      let x = part(X, t, size: I)
      func sum(_ gate: Int) -> Values {
        let w = product(rows(W, gate, of: 4), x)
        let r = product(rows(R, gate, of: 4), h)
        return (0..<H).map { w[$0] + r[$0] + B[gate * H + $0] + B[(4 + gate) * H + $0] }
      }
      let (i, o, f, g) = (sum(0), sum(1), sum(2), sum(3))
      for u in 0..<H {
        let old = c[u]
        c[u] = σ(f[u] + P[2 * H + u] * old) * old + σ(i[u] + P[u] * old) * tanh(g[u])
        h[u] = σ(o[u] + P[H + u] * c[u]) * c[u]
      }
    }
    try expect(outputs[1], h)
    try expect(outputs[2], c)
  }

  /// The decoder of an encoder-decoder sees the context c at each step:
  /// `h' = (1 − z) ∘ h + z ∘ h̃`, `h̃ = tanh(W x + U (r ∘ h) + C c)`. In ONNX c is appended to x,
  /// and the rows of z are negated, since ONNX's z is the share of the old state.
  @Test func gruDecoderWithContext() throws {
    let K = 2
    let X = noise(T * I, 1)
    let context = noise(K, 2)
    // In the order z, r, h of the lecture's gates.
    let (W, U, C) = (noise(3 * H * I, 3), noise(3 * H * H, 4), noise(3 * H * K, 5))
    var h = noise(H, 6)

    var input: Values = []
    for t in 0..<T { input += part(X, t, size: I) + context }
    var weights: Values = []
    for row in 0..<3 * H {
      let sign: Double = row < H ? -1 : 1
      weights += (part(W, row, size: I) + part(C, row, size: K)).map { sign * $0 }
    }
    let recurrent = U.enumerated().map { $0 < H * H ? -$1 : $1 }
    let outputs = try checkOperator(
      Node("GRU", inputs: ["X", "W", "R", "", "", "h"], outputs: ["Y", "Y_h"]),
      [
        tensor([T, 1, I + K], input), tensor([1, 3 * H, I + K], weights),
        tensor([1, 3 * H, H], recurrent), nil, nil, tensor([1, 1, H], h),
      ])

    var all: Values = []
    for t in 0..<T {
      let x = part(X, t, size: I)
      func sum(_ gate: Int, _ h: Values) -> Values {
        let w = product(rows(W, gate, of: 3), x)
        let u = product(rows(U, gate, of: 3), h)
        let c = product(rows(C, gate, of: 3), context)
        return (0..<H).map { w[$0] + u[$0] + c[$0] }
      }
      let z = sum(0, h).map(σ)
      let r = sum(1, h).map(σ)
      let candidate = sum(2, zip(r, h).map { $0 * $1 }).map(tanh)
      for u in 0..<H { h[u] = (1 - z[u]) * h[u] + z[u] * candidate[u] }
      all += h
    }
    try expect(outputs[0], all)
    try expect(outputs[1], h)
  }

  /// An LSTM has four times, a GRU three times the parameters of a plain layer of the same size.
  @Test func parameterCounts() throws {
    func count(_ name: String) throws -> Int {
      let gates = ["RNN": 1, "GRU": 3, "LSTM": 4][name] ?? 0
      let inputs: [Tensor?] = [
        tensor([T, 1, I], noise(T * I, 1)), tensor([1, gates * H, I], noise(gates * H * I, 2)),
        tensor([1, gates * H, H], noise(gates * H * H, 3)),
        tensor([1, 2 * gates * H], noise(2 * gates * H, 4)),
      ]
      try checkOperator(Node(name, inputs: ["X", "W", "R", "B"], outputs: ["Y"]), inputs)
      return inputs.dropFirst().reduce(0) { $0 + ($1?.count ?? 0) }
    }
    let plain = try count("RNN")
    #expect(plain == H * I + H * H + 2 * H)
    #expect(try count("LSTM") == 4 * plain)
    #expect(try count("GRU") == 3 * plain)
  }

  // MARK: Networks of operators

  let B = 3

  /// A layer with random parameters.
  struct Layer {
    let name: String
    let directions: Int
    let input: Int
    let hidden: Int
    let seed: Int
    var gates: Int { ["RNN": 1, "GRU": 3, "LSTM": 4][name] ?? 0 }
    var states: Int { name == "LSTM" ? 2 : 1 }
  }

  private func parameters(_ layer: Layer) -> [Tensor] {
    let (D, G, I, H) = (layer.directions, layer.gates, layer.input, layer.hidden)
    return [
      tensor([D, G * H, I], noise(D * G * H * I, layer.seed)),
      tensor([D, G * H, H], noise(D * G * H * H, layer.seed + 1)),
      tensor([D, 2 * G * H], noise(D * 2 * G * H, layer.seed + 2)),
    ]
  }

  private func run(
    _ layer: Layer, _ parameters: [Tensor], _ x: Tensor, states: [Tensor], direction: String
  ) throws -> [Tensor?] {
    try checkOperator(
      Node(
        layer.name, inputs: ["X", "W", "R", "B", ""] + ["h", "c"].prefix(layer.states),
        outputs: ["Y"] + ["Y_h", "Y_c"].prefix(layer.states),
        attributes: [.string("direction", direction)]), [x] + parameters + [nil] + states)
  }

  private func states(_ layer: Layer) -> [Tensor] {
    (0..<layer.states).map {
      tensor(
        [layer.directions, B, layer.hidden],
        noise(layer.directions * B * layer.hidden, layer.seed + 5 + $0))
    }
  }

  private func slice(_ tensor: Tensor?, _ range: Range<Int>) throws -> Tensor {
    let all = try values(tensor)
    let sizes = try #require(tensor).shape
    let row = all.count / sizes[0]
    return self.tensor(
      [range.count] + sizes.dropFirst(), range.flatMap { part(all, $0, size: row) }
    )
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"])
  func stepsOneByOneAreTheSequence(_ name: String) throws {
    let layer = Layer(name: name, directions: 1, input: I, hidden: H, seed: 10)
    let parameters = parameters(layer)
    let x = tensor([T, B, I], noise(T * B * I, 9))
    let whole = try run(layer, parameters, x, states: states(layer), direction: "forward")
    var state = states(layer)
    for t in 0..<T {
      let step = try run(
        layer, parameters, slice(x, t..<t + 1), states: state, direction: "forward")
      try expect(step[0], values(slice(whole[0], t..<t + 1)))
      state = try step[1...].map { try #require($0) }
    }
    for (last, expected) in zip(state, whole[1...]) { try expect(last, values(expected)) }
  }

  @Test(arguments: ["RNN", "GRU", "LSTM"])
  func bothDirectionsAreForwardAndReverse(_ name: String) throws {
    let layer = Layer(name: name, directions: 2, input: I, hidden: H, seed: 10)
    let one = Layer(name: name, directions: 1, input: I, hidden: H, seed: 10)
    let parameters = parameters(layer)
    let states = states(layer)
    let x = tensor([T, B, I], noise(T * B * I, 9))
    let both = try run(layer, parameters, x, states: states, direction: "bidirectional")
    for (direction, way) in ["forward", "reverse"].enumerated() {
      let only = direction..<direction + 1
      let single = try run(
        one, parameters.map { try slice($0, only) }, x, states: states.map { try slice($0, only) },
        direction: way)
      let Y = try values(both[0])
      try expect(single[0], (0..<T).flatMap { part(Y, $0 * 2 + direction, size: B * H) })
      for (state, pair) in zip(single[1...], both[1...]) {
        try expect(state, values(slice(pair, only)))
      }
    }
  }

  /// The reverse direction is the forward one on the reversed sequence.
  @Test(arguments: ["RNN", "GRU", "LSTM"]) func reverseReversesTheSequence(_ name: String) throws {
    let layer = Layer(name: name, directions: 1, input: I, hidden: H, seed: 20)
    let parameters = parameters(layer)
    func reversed(_ tensor: Tensor?) throws -> Tensor {
      let steps = try (0..<T).reversed().flatMap { try values(slice(tensor, $0..<$0 + 1)) }
      return self.tensor(try #require(tensor).shape, steps)
    }
    let x = tensor([T, B, I], noise(T * B * I, 9))
    let backwards = try run(layer, parameters, x, states: states(layer), direction: "reverse")
    let forwards = try run(
      layer, parameters, reversed(x), states: states(layer), direction: "forward")
    try expect(backwards[0], values(reversed(forwards[0])))
    try expect(backwards[1], values(forwards[1]))
  }

  /// Two bidirectional layers, the second on both directions of the first. Rows of the batch do not
  /// mix, so each sequence gives the same result alone.
  @Test(arguments: ["RNN", "GRU", "LSTM"]) func stackedLayersKeepSequencesApart(
    _ name: String
  ) throws {
    let first = Layer(name: name, directions: 2, input: I, hidden: H, seed: 30)
    let second = Layer(name: name, directions: 2, input: 2 * H, hidden: H, seed: 40)
    func stack(_ x: Tensor) throws -> Values {
      let batch = x.shape[1]
      var y = x
      for layer in [first, second] {
        let zeros = (0..<layer.states).map { _ in
          tensor([2, batch, H], Values(repeating: 0, count: 2 * batch * H))
        }
        let Y = try values(
          run(layer, parameters(layer), y, states: zeros, direction: "bidirectional")[0])
        // [T, D, B, H] to [T, B, D · H], as exporters do with Transpose and Reshape.
        var rows: Values = []
        for t in 0..<T {
          for b in 0..<batch {
            for d in 0..<2 {
              rows += part(Y, (t * 2 + d) * batch + b, size: H)
            }
          }
        }
        y = tensor([T, batch, 2 * H], rows)
      }
      return try values(y)
    }
    let x = noise(T * B * I, 9)
    let all = try stack(tensor([T, B, I], x))
    for b in 0..<B {
      let sequence = (0..<T).flatMap { part(x, $0 * B + b, size: I) }
      let alone = try stack(tensor([T, 1, I], sequence))
      let rows = (0..<T).flatMap { part(all, $0 * B + b, size: 2 * H) }
      try expect(tensor([T, 1, 2 * H], rows), alone)
    }
  }
}
