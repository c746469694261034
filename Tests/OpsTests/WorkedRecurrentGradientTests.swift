import Glibc
import ONNX
import Testing

/// Statements about gradients from the lectures on recurrent networks.
@Suite struct WorkedRecurrentGradientTests {
  typealias Values = [Double]

  private func noise(_ count: Int, _ seed: UInt64, scale: Double = 1) -> Values {
    let values = try? doubles([count], from: -scale, to: scale, seed: seed).array(as: Double.self)
    return values ?? []
  }
  private func tensor(_ shape: [Int], _ values: Values) -> Tensor { Tensor(shape: shape, values) }
  private func norm(_ values: Values) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  /// The values of some names of a graph, and the gradients of the scalar `loss` with respect to some.
  private func run(
    _ nodes: [Node], _ initializers: [NamedTensor] = [], _ inputs: [(String, Tensor)],
    loss: String, by names: [String], also: [String] = []
  ) throws -> (values: [String: Values], gradients: [String: Values]) {
    let sets = [OperatorSetImport(version: 20)]
    var graph = Graph(
      nodes: nodes, inputs: inputs.map { ValueInfo($0.0, .tensor($0.1.type)) },
      outputs: [ValueInfo(loss, nil)], initializers: initializers)
    var differentiation = try Differentiation(Model(graph: graph, operatorSets: sets))
    let found = try differentiation.gradients(of: loss, by: names)
    graph = differentiation.graph
    graph.outputs = (also + found.values.sorted()).map { ValueInfo($0, nil) }
    let results = try Session(Model(graph: graph, operatorSets: sets))
      .run(Dictionary(uniqueKeysWithValues: inputs))
    return (
      try results.mapValues { try $0.array(as: Double.self) },
      try found.mapValues { try #require(results[$0]).array(as: Double.self) }
    )
  }

  private func expect(
    _ actual: Values, _ expected: Values, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.count == expected.count, sourceLocation: sourceLocation)
    for (a, e) in zip(actual, expected) {
      #expect(abs(a - e) <= 1e-12 * max(1, abs(e)), sourceLocation: sourceLocation)
    }
  }

  // MARK: Unrolled

  static let gates = ["RNN": 1, "GRU": 3, "LSTM": 4]

  /// A network unrolled by hand from products, sums, sigmoid and tanh has the outputs and gradients
  /// of the operator. The values `W0…`, `R0…`, `b0…` are the operator's W, R and B of each gate, and
  /// `x0…` its X of each step.
  @Test(arguments: ["RNN", "GRU", "LSTM"]) func unrolledNetworkIsTheOperator(
    _ name: String
  ) throws {
    let (T, I, H) = (4, 2, 3)
    let G = try #require(Self.gates[name])
    let (X, W) = (noise(T * I, 1), noise(G * H * I, 2))
    let (R, b) = (noise(G * H * H, 3), noise(G * H, 4))
    let (h, c, w) = (noise(H, 5), noise(H, 6), noise(T * H, 7))
    func part(_ values: Values, _ index: Int, _ size: Int) -> Values {
      Array(values[index * size..<(index + 1) * size])
    }

    var inputs: [(String, Tensor)] = [("h", tensor([H], h))]
    if name == "LSTM" { inputs.append(("c", tensor([H], c))) }
    for t in 0..<T { inputs.append(("x\(t)", tensor([I], part(X, t, I)))) }
    for g in 0..<G {
      inputs.append(("W\(g)", tensor([H, I], part(W, g, H * I))))
      inputs.append(("R\(g)", tensor([H, H], part(R, g, H * H))))
      inputs.append(("b\(g)", tensor([H], part(b, g, H))))
    }
    var builder = GraphBuilder(taken: Set(inputs.map(\.0)))
    func product(_ matrix: String, _ x: String) -> String {
      builder.reduceSum(builder.mul(matrix, x), axes: [1], keepAxes: false)
    }
    func sum(_ gate: Int, _ x: String, _ h: String) -> String {
      builder.sum([builder.add(product("W\(gate)", x), product("R\(gate)", h)), "b\(gate)"])
    }
    func one(minus x: String) -> String {
      builder.add(
        builder.scalar(1, .float64), builder.mul(builder.scalar(-1, .float64), x))
    }
    var (state, cell) = ("h", "c")
    var (states, terms): ([String], [String]) = ([], [])
    for t in 0..<T {
      let x = "x\(t)"
      switch name {
      case "RNN": state = builder.node("Tanh", [sum(0, x, state)])
      case "GRU":
        let z = builder.node("Sigmoid", [sum(0, x, state)])
        let r = builder.node("Sigmoid", [sum(1, x, state)])
        let candidate = builder.node("Tanh", [sum(2, x, builder.mul(r, state))])
        state = builder.add(builder.mul(one(minus: z), candidate), builder.mul(z, state))
      default:
        let i = builder.node("Sigmoid", [sum(0, x, state)])
        let o = builder.node("Sigmoid", [sum(1, x, state)])
        let f = builder.node("Sigmoid", [sum(2, x, state)])
        let a = builder.node("Tanh", [sum(3, x, state)])
        cell = builder.add(builder.mul(f, cell), builder.mul(i, a))
        state = builder.mul(o, builder.node("Tanh", [cell]))
      }
      states.append(state)
      let weight = builder.constant(tensor([H], part(w, t, H)))
      terms.append(builder.reduceSum(builder.mul(state, weight), keepAxes: false))
    }
    let loss = terms.dropFirst().reduce(terms[0]) { builder.add($0, $1) }
    let unrolled = try run(
      builder.nodes, builder.initializers, inputs, loss: loss, by: inputs.map(\.0), also: states)

    let weights = NamedTensor("w", tensor([T, 1, 1, H], w))
    let hasCell = name == "LSTM"
    let fused = try run(
      [
        Node(
          name, inputs: ["X", "W", "R", "B", "", "h"] + (hasCell ? ["c"] : []), outputs: ["Y"]),
        Node("Mul", inputs: ["Y", "w"], outputs: ["weighted"]),
        Node("ReduceSum", inputs: ["weighted"], outputs: ["loss"]),
      ], [weights],
      [
        ("X", tensor([T, 1, I], X)), ("W", tensor([1, G * H, I], W)),
        ("R", tensor([1, G * H, H], R)),
        ("B", tensor([1, 2 * G * H], b + Values(repeating: 0, count: G * H))),
        ("h", tensor([1, 1, H], h)),
      ] + (hasCell ? [("c", tensor([1, 1, H], c))] : []),
      loss: "loss", by: ["X", "W", "R", "B", "h"] + (hasCell ? ["c"] : []), also: ["Y"])

    expect(try #require(fused.values["Y"]), states.flatMap { unrolled.values[$0] ?? [] })
    func together(_ prefix: String, _ count: Int) -> Values {
      (0..<count).flatMap { unrolled.gradients["\(prefix)\($0)"] ?? [] }
    }
    expect(try #require(fused.gradients["X"]), together("x", T))
    expect(try #require(fused.gradients["W"]), together("W", G))
    expect(try #require(fused.gradients["R"]), together("R", G))
    expect(try #require(fused.gradients["B"]), together("b", G) + together("b", G))
    for state in hasCell ? ["h", "c"] : ["h"] {
      expect(try #require(fused.gradients[state]), try #require(unrolled.gradients[state]))
    }
  }

  // MARK: The error carousel

  /// With `Ct = f ∘ Ct−1 + i ∘ a` and `ht−1 = ot−1 ∘ tanh Ct−1`, element (u, v) of dCt/dCt−1 is
  /// ```
  /// A   f′u Rf[u, v] dv Ct−1,u       through the forget gate
  /// B   fu                           directly, where u = v
  /// C   i′u Ri[u, v] dv au           through the input gate
  /// D   a′u Ra[u, v] dv iu           through the candidate
  /// ```
  /// with `dv = ot−1,v (1 − tanh² Ct−1,v)`.
  @Test func theFourTermsOfTheCellStatesDerivative() throws {
    let (I, H) = (2, 3)
    let (x, W) = (noise(I, 1), noise(4 * H * I, 2))
    let (R, C) = (noise(4 * H * H, 3), noise(H, 4))
    let o = noise(H, 5).map { 1 / (1 + exp(-$0)) }
    let h = zip(o, C).map { $0 * tanh($1) }
    func σ(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    func sum(_ gate: Int, _ u: Int) -> Double {
      let row = gate * H + u
      return (0..<I).reduce(0) { $0 + W[row * I + $1] * x[$1] }
        + (0..<H).reduce(0) { $0 + R[row * H + $1] * h[$1] }
    }
    for u in 0..<H {
      let (i, f, a) = (σ(sum(0, u)), σ(sum(2, u)), tanh(sum(3, u)))
      let expected = (0..<H).map { v -> Double in
        func r(_ gate: Int) -> Double { R[(gate * H + u) * H + v] }
        let d = o[v] * (1 - tanh(C[v]) * tanh(C[v]))
        let A = f * (1 - f) * r(2) * d * C[u]
        let B = u == v ? f : 0
        let C = i * (1 - i) * r(0) * d * a
        let D = (1 - a * a) * r(3) * d * i
        return A + B + C + D
      }
      let chosen = (0..<H).map { $0 == u ? 1.0 : 0 }
      let found = try run(
        [
          Node("Tanh", inputs: ["C"], outputs: ["t"]),
          Node("Mul", inputs: ["o", "t"], outputs: ["h"]),
          Node("LSTM", inputs: ["X", "W", "R", "", "", "h", "C"], outputs: ["", "", "next"]),
          Node("Mul", inputs: ["next", "chosen"], outputs: ["element"]),
          Node("ReduceSum", inputs: ["element"], outputs: ["loss"]),
        ], [],
        [
          ("X", tensor([1, 1, I], x)), ("W", tensor([1, 4 * H, I], W)),
          ("R", tensor([1, 4 * H, H], R)), ("C", tensor([1, 1, H], C)),
          ("o", tensor([1, 1, H], o)), ("chosen", tensor([1, 1, H], chosen)),
        ], loss: "loss", by: ["C"])
      expect(try #require(found.gradients["C"]), expected)
    }
  }

  /// The gradient of `Σ w · h_T` with respect to the first of `steps` inputs.
  private func gradientByFirstInput(
    _ name: String, steps T: Int, _ inputs: [(String, Tensor)], output: String = "Y_h"
  ) throws -> Values {
    let (I, H) = (2, 4)
    let outputs = ["Y_h", "Y_c"].map { $0 == output ? $0 : "" }
    let found = try run(
      [
        Node(
          name, inputs: ["X"] + inputs.map(\.0),
          outputs: [""] + outputs.prefix(name == "LSTM" ? 2 : 1)),
        Node("Mul", inputs: [output, "w"], outputs: ["weighted"]),
        Node("ReduceSum", inputs: ["weighted"], outputs: ["loss"]),
      ], [],
      inputs + [
        ("X", tensor([T, 1, I], noise(T * I, 1))), ("w", tensor([1, 1, H], noise(H, 2))),
      ], loss: "loss", by: ["X"])
    return Array(try #require(found.gradients["X"]).prefix(I))
  }

  /// The largest singular value of an n × n matrix.
  private func largestSingularValue(_ A: Values, _ n: Int) -> Double {
    var x = Values(repeating: 1, count: n)
    var value = 0.0
    for _ in 0..<1000 {
      let y = (0..<n).map { row in (0..<n).reduce(0) { $0 + A[row * n + $1] * x[$1] } }
      let z = (0..<n).map { column in (0..<n).reduce(0) { $0 + A[$1 * n + column] * y[$1] } }
      value = norm(y)
      let length = norm(z)
      x = z.map { $0 / length }
    }
    return value
  }

  /// In a tanh RNN, the gradient of the first input decreases at least as fast as the powers of the
  /// recurrent matrix's largest singular value. In an LSTM whose forget gate is near 1, it does not
  /// vanish.
  @Test func theGradientVanishesInAnRNNAndNotInAnLSTM() throws {
    let (I, H) = (2, 4)
    let lengths = [5, 10, 20, 40]
    let (W, R) = (noise(H * I, 3), noise(H * H, 4, scale: 0.5))
    let σmax = largestSingularValue(R, H)
    #expect(σmax < 1)
    let plain = try lengths.map { T in
      norm(
        try gradientByFirstInput(
          "RNN", steps: T, [("W", tensor([1, H, I], W)), ("R", tensor([1, H, H], R))]))
    }
    for (T, gradient) in zip(lengths, plain) {
      #expect(gradient > 0)
      #expect(gradient <= norm(W) * norm(noise(H, 2)) * pow(σmax, Double(T - 1)))
    }
    for (longer, shorter) in zip(plain.dropFirst(), plain) { #expect(longer < shorter / 2) }
    #expect(plain[3] < 1e-4 * plain[0])

    // σ(7) = 0.9991, and its 35th power is 0.97.
    var B = Values(repeating: 0, count: 8 * H)
    for u in 2 * H..<3 * H { B[u] = 7 }
    let gated = try lengths.map { T in
      norm(
        try gradientByFirstInput(
          "LSTM", steps: T,
          [
            ("W", tensor([1, 4 * H, I], noise(4 * H * I, 5, scale: 0.1))),
            ("R", tensor([1, 4 * H, H], noise(4 * H * H, 6, scale: 0.1))),
            ("B", tensor([1, 8 * H], B)),
          ], output: "Y_c"))
    }
    #expect(gated[3] > 0.5 * gated[0])
  }

  /// The LSTM of 1997: without a forget gate and without recurrent weights, the error stays constant
  /// in the cell, however long the sequence.
  @Test func theOriginalCellCarriesTheErrorUnchanged() throws {
    let (T, I, H) = (30, 2, 3)
    var (W, B) = (noise(4 * H * I, 1), noise(8 * H, 2))
    for k in 2 * H * I..<3 * H * I { W[k] = 0 }
    for u in 2 * H..<3 * H { (B[u], B[4 * H + u]) = (100, 0) }
    let w = noise(H, 3)
    let found = try run(
      [
        Node("LSTM", inputs: ["X", "W", "R", "B", "", "", "C"], outputs: ["", "", "Y_c"]),
        Node("Mul", inputs: ["Y_c", "w"], outputs: ["weighted"]),
        Node("ReduceSum", inputs: ["weighted"], outputs: ["loss"]),
      ], [],
      [
        ("X", tensor([T, 1, I], noise(T * I, 4))), ("W", tensor([1, 4 * H, I], W)),
        ("R", tensor([1, 4 * H, H], Values(repeating: 0, count: 4 * H * H))),
        ("B", tensor([1, 8 * H], B)), ("C", tensor([1, 1, H], noise(H, 5))),
        ("w", tensor([1, 1, H], w)),
      ], loss: "loss", by: ["C", "W"])
    #expect(found.gradients["C"] == w)
    // The gate that is always open does not learn; the input gate and the candidate do.
    let dW = try #require(found.gradients["W"])
    #expect(dW[2 * H * I..<3 * H * I].allSatisfy { abs($0) < 1e-30 })
    #expect(dW[..<(H * I)].contains { abs($0) > 1e-3 })
    #expect(dW[(3 * H * I)...].contains { abs($0) > 1e-3 })
  }

  /// The same cell with recurrent weights, against finite differences.
  @Test func theOriginalCellWithRecurrentWeights() throws {
    let (I, H) = (2, 3)
    var (W, R, B) = (noise(4 * H * I, 1), noise(4 * H * H, 2), noise(8 * H, 3))
    for k in 2 * H * I..<3 * H * I { W[k] = 0 }
    for k in 2 * H * H..<3 * H * H { R[k] = 0 }
    for u in 2 * H..<3 * H { (B[u], B[4 * H + u]) = (100, 0) }
    try checkGradient(
      Node("LSTM", inputs: [], outputs: ["Y", "Y_h", "Y_c"]),
      [
        tensor([3, 2, I], noise(6 * I, 4)), tensor([1, 4 * H, I], W), tensor([1, 4 * H, H], R),
        tensor([1, 8 * H], B), nil, tensor([1, 2, H], noise(2 * H, 5)),
        tensor([1, 2, H], noise(2 * H, 6)),
      ])
  }
}
