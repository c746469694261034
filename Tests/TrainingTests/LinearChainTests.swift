import ONNX
import Testing

@testable import ONNXTraining

/// The linear chain against sums and maxima over all sequences of classes, and against PyTorch.
@Suite struct LinearChainTests {
  static let (rows, steps, classes) = (3, 4, 3)
  static let lengths = [4, 1, 3]
  /// Numbers that PyTorch's script repeats.
  static func numbers(_ count: Int, _ seed: Int) -> [Double] {
    (0..<count).map { Double(($0 * 37 + seed * 11) % 23 - 11) / 8 }
  }
  static let emissions = numbers(rows * steps * classes, 1)
  static let start = numbers(classes, 2)
  static let transitions = numbers(classes * classes, 3)
  static let end = numbers(classes, 4)
  static let labels: [Int64] = [0, 2, 1, 1, 2, -100, -100, -100, 1, 0, 2, -100]

  /// A model that decodes the input `emissions`.
  static func model(_ names: inout LinearChainNames?) throws -> Model {
    let m = ModelBuilder(elementType: .float64)
    let x = try m.input("x", ["N", "T", .size(classes)])
    let lengths = try m.input("lengths", ["N"], .int32)
    let scaled = try m.multiply(x, m.scalar(1))
    let (tags, scores) = try m.scope("crf") { m throws(ModelError) in
      try LinearChain().decode(scaled, lengths: lengths, in: m)
    }
    try m.output("tags", tags)
    try m.output("emissions", scaled)
    try m.output("scores", scores)
    var model = try m.model(name: "chain")
    let chain = LinearChainNames(scope: "crf", decoded: "tags")
    for (name, shape, values) in [
      (chain.start, [classes], start), (chain.end, [classes], end),
      (chain.transitions, [classes, classes], transitions),
    ] {
      let index = try #require(model.graph.initializers.firstIndex { $0.name == name })
      model.graph.initializers[index].tensor = Tensor(shape: shape, values)
    }
    names = chain
    return model
  }

  static var inputs: [String: Tensor] {
    [
      "x": Tensor(shape: [rows, steps, classes], emissions),
      "lengths": Tensor(shape: [rows], lengths.map { Int32($0) }),
    ]
  }

  /// The score of a sequence of classes of a row.
  static func score(_ row: Int, _ path: [Int]) -> Double {
    var sum = start[path[0]] + end[path[path.count - 1]]
    for (step, tag) in path.enumerated() {
      sum += emissions[(row * steps + step) * classes + tag]
      if step > 0 { sum += transitions[path[step - 1] * classes + tag] }
    }
    return sum
  }

  /// All sequences of classes of a length.
  static func paths(_ length: Int) -> [[Int]] {
    length == 0 ? [[]] : paths(length - 1).flatMap { path in (0..<classes).map { path + [$0] } }
  }

  @Test func decodesTheBestOfAllSequences() throws {
    var names: LinearChainNames?
    let results = try Session(Self.model(&names)).run(Self.inputs)
    let tags = try #require(results["tags"]).array(as: Int64.self)
    let scores = try #require(results["scores"]).array(as: Double.self)
    for (row, length) in Self.lengths.enumerated() {
      let all = Self.paths(length).map { (path: $0, score: Self.score(row, $0)) }
      let best = try #require(all.max { $0.score < $1.score })
      let wanted = best.path.map { Int64($0) } + Array(repeating: -1, count: Self.steps - length)
      #expect(Array(tags[row * Self.steps..<(row + 1) * Self.steps]) == wanted)
      #expect(abs(scores[row] - best.score) < 1e-12)
    }
  }

  /// The loss and its gradients in a graph of the chain's nodes alone.
  private func loss() throws -> (loss: Double, gradients: [String: [Double]]) {
    var names: LinearChainNames?
    var model = try Self.model(&names)
    let chain = try #require(names)
    var builder = GraphBuilder(taken: model.graph.allNames.union([Loss.labels]))
    let type = TensorType(.float64, ["N", "T", .size(Self.classes)])
    let values = try Loss.linearChain(chain).addLinearChain(
      "emissions", type, chain, TrainingOptions(), &builder)
    model.graph.nodes += builder.nodes
    model.graph.initializers += builder.initializers
    model.graph.inputs.append(ValueInfo(Loss.labels, .tensor(.int64, ["N", "T"])))
    var differentiation = try Differentiation(model)
    let by = ["emissions", chain.transitions, chain.start, chain.end]
    let gradients = try differentiation.gradients(of: values.loss, by: by)
    model.graph = differentiation.graph
    model.graph.outputs = ([values.loss] + gradients.values).map { ValueInfo($0, nil) }
    var inputs = Self.inputs
    inputs[Loss.labels] = Tensor(shape: [Self.rows, Self.steps], Self.labels)
    let results = try Session(model).run(inputs)
    return (
      try #require(results[values.loss]).array(as: Double.self)[0],
      try gradients.mapValues { try #require(results[$0]).array(as: Double.self) }
    )
  }

  @Test func theLossIsThatOfAllSequences() throws {
    var sum = 0.0
    for (row, length) in Self.lengths.enumerated() {
      let labels = (0..<length).map { Int(Self.labels[row * Self.steps + $0]) }
      let total = Self.paths(length).reduce(0) { $0 + Double.exp(Self.score(row, $1)) }
      sum += Double.log(total) - Self.score(row, labels)
    }
    #expect(abs(try loss().loss - sum / 8) < 1e-12)
  }

  @Test func aSequenceMayHaveOneStep() throws {
    var names: LinearChainNames?
    let model = try Self.model(&names)
    let inputs = [
      "x": Tensor(shape: [1, 1, Self.classes], Array(Self.emissions[..<Self.classes])),
      "lengths": Tensor(shape: [1], [1 as Int32]),
    ]
    let best = try #require((0..<Self.classes).max { Self.score(0, [$0]) < Self.score(0, [$1]) })
    #expect(try Session(model).run(inputs)["tags"] == Tensor(shape: [1, 1], [Int64(best)]))

    var options = TrainingOptions()
    options.output = "emissions"
    options.loss = .linearChain(try #require(names))
    var batch = inputs
    batch[Loss.labels] = Tensor(shape: [1, 1], [1 as Int64])
    let result = try Trainer(model, options).train(on: Batch(batch, count: 1), rate: 1e-3)
    let total = (0..<Self.classes).reduce(0) { $0 + Double.exp(Self.score(0, [$1])) }
    #expect(abs(result.loss - (Double.log(total) - Self.score(0, [1]))) < 1e-12)
  }

  /// The numbers of tools/generate/linear_chain.py.
  @Test func theGradientsAreThoseOfPyTorch() throws {
    let (loss, gradients) = try loss()
    #expect(abs(loss - 1.5026226407008452) < 1e-12)
    func check(_ name: String, _ wanted: [Double]) throws {
      let found = try #require(gradients[name])
      #expect(found.count == wanted.count)
      for (a, b) in zip(found, wanted) { #expect(abs(a - b) < 1e-12) }
    }
    try check(
      "crf.start_transitions", [0.087465389303229, -0.00358195338395406, -0.0838834359192751])
    try check("crf.end_transitions", [0.275122957780174, -0.0548969548387394, -0.220226002941434])
    try check(
      "crf.transitions",
      [
        0.0804118330615846, 0.031320839477821, -0.200022134656483, 0.00722803764902041,
        0.0946996760865431, 0.0222446343543122, 0.0117282356492626, -0.0531631689292738,
        0.00555204730721247,
      ])
    // The padding of the second and third rows has no gradient.
    try check(
      "emissions",
      [
        -0.0667888867549071, 0.0313100040735021, 0.0354788826814049, 0.00360262097572074,
        0.0881720371648126, -0.0917746581405334, 0.00433636995646341, -0.012924971345982,
        0.00858860138951851, 0.0782606855714131, -0.0798849342819897, 0.00162424871057649,
        0.120727572197125, 0.00413107034892144, -0.124858642546047, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 0.0, 0.0335267038610107, -0.0390230278063776, 0.00549632394536685,
        -0.0629662701553649, 0.0566383060039205, 0.00632796415144437, 0.0761347000116353,
        0.0208569090943289, -0.0969916091059642, 0.0, 0.0, 0.0,
      ])
  }

  @Test func aBodyMayUseValuesThatAreOutputs() throws {
    let m = ModelBuilder()
    let x = try m.input("x", ["T", 2])
    let scale = try m.add(m.input("scale", [2]), m.scalar(1))
    try m.output("scale_out", scale)
    let zero = try m.input("zero", [2])
    let sums = try m.scan("sum", states: [zero], over: [(x, 0)], isReversed: true) {
      m, states, slices throws(ModelError) in
      let next = try m.add(states[0], m.multiply(slices[0], scale))
      return ([next], [try m.multiply(next, next)])
    }
    try m.output("last", sums.states[0])
    try m.output("squares", sums.outputs[0])
    let results = try Session(m.model(name: "sums")).run([
      "x": Tensor(shape: [2, 2], [1, 2, 3, 4] as [Float]),
      "scale": Tensor(shape: [2], [0, 1] as [Float]),
      "zero": Tensor(shape: [2], [0, 0] as [Float]),
    ])
    #expect(results["last"] == Tensor(shape: [2], [4, 12] as [Float]))
    #expect(results["squares"] == Tensor(shape: [2, 2], [16, 144, 9, 64] as [Float]))
  }
}
