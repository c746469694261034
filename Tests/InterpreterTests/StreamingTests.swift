import ONNX
import ONNXOperators
import Testing

/// Sequences that arrive in chunks give the bits of the whole sequence.
@Suite struct StreamingTests {
  /// Runs a model on a sequence as a whole, and in chunks of some lengths, and compares the bits.
  /// - Parameters:
  ///   - outputAxis: the axis of the steps of output `y`; `nil` for the last step
  private func check(
    _ model: Model, shape: [Int], axis: Int, outputAxis: Int?, chunks: [Int],
    inputAxes: [String: Int]? = nil
  ) throws {
    var draws = RandomDraws(seed: 7)
    let x = Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in draws.next() })
    var options = SessionOptions()
    options.convolution = .sizeInvariant
    let whole = try #require(try Session(model, options: options).run(["x": x])["y"])

    let stream = try StreamingSession(model, axes: inputAxes)
    for round in 0..<2 {
      var parts: [Tensor] = []
      var start = 0
      for count in chunks {
        if let y = try stream.push(part(x, axis, start..<start + count))?["y"] { parts.append(y) }
        start += count
      }
      #expect(start == shape[axis])
      if let y = try stream.finish()?["y"] { parts.append(y) }
      if let outputAxis {
        #expect(try joined(parts, outputAxis) == whole, "round \(round), \(parts.map(\.shape))")
      } else {
        #expect(parts.last == whole)
      }
    }
  }

  private func part(_ x: Tensor, _ axis: Int, _ range: Range<Int>) throws -> Tensor {
    let outer = x.shape[..<axis].reduce(1, *)
    let inner = x.shape[(axis + 1)...].reduce(1, *)
    let elements = try x.array(as: Float.self)
    var result: [Float] = []
    for i in 0..<outer {
      let row = i * x.shape[axis] * inner
      result += elements[(row + range.lowerBound * inner)..<(row + range.upperBound * inner)]
    }
    var shape = x.shape
    shape[axis] = range.count
    return Tensor(shape: shape, result)
  }

  private func joined(_ parts: [Tensor], _ axis: Int) throws -> Tensor {
    let outer = parts[0].shape[..<axis].reduce(1, *)
    let rows = try parts.map { try $0.array(as: Float.self) }
    var result: [Float] = []
    for i in 0..<outer {
      for row in rows { result += row[(i * row.count / outer)..<((i + 1) * row.count / outer)] }
    }
    var shape = parts[0].shape
    shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
    return Tensor(shape: shape, result)
  }

  // MARK: Recurrent layers

  @Test(arguments: ["RNN", "GRU", "LSTM"])
  func recurrentLayersKeepTheirStates(type: String) throws {
    let model = recurrent(type, output: "sequence")
    try check(model, shape: [13, 1, 3], axis: 0, outputAxis: 0, chunks: [1, 4, 1, 7])
  }

  @Test func theLastStateIsThatOfTheSequenceSoFar() throws {
    try check(
      recurrent("LSTM", output: "state"), shape: [13, 1, 3], axis: 0, outputAxis: nil,
      chunks: [5, 8])
  }

  @Test func initialStatesAreTakenFromTheModel() throws {
    var draws = RandomDraws(seed: 3)
    let state = Tensor(shape: [1, 1, 4], (0..<4).map { _ in draws.next() })
    let model = recurrent("GRU", output: "sequence", initial: state)
    try check(model, shape: [6, 1, 3], axis: 0, outputAxis: 0, chunks: [3, 3])
  }

  /// As PyTorch's exporter writes a layer with the batch first, with the state's sizes computed.
  @Test func exportedLayersWithComputedStates() throws {
    var m = Graphs()
    m.node("Shape", ["x"], "shape")
    m.node("Gather", ["shape", m.integers([0])], "batch", [.int("axis", 0)])
    m.node("Concat", [m.integers([1]), "batch", m.integers([4])], "sizes", [.int("axis", 0)])
    m.node(
      "ConstantOfShape", ["sizes"], "zeros", [.tensor("value", Tensor(shape: [1], [Float(0)]))])
    m.node("Transpose", ["x"], "steps", [.ints("perm", [1, 0, 2])])
    m.node(
      "GRU", ["steps", m.draw([1, 12, 3]), m.draw([1, 12, 4]), m.draw([1, 24]), "", "zeros"],
      "layer", [.int("hidden_size", 4)])
    m.node("Squeeze", ["layer", m.integers([1])], "squeezed")
    m.node("Transpose", ["squeezed"], "back", [.ints("perm", [1, 0, 2])])
    m.node("MatMul", ["back", m.draw([4, 2])], "logits")
    m.node("Softmax", ["logits"], "y", [.int("axis", -1)])
    try check(
      m.model(["N", "T", 3]), shape: [1, 9, 3], axis: 1, outputAxis: 1, chunks: [2, 2, 5])
  }

  // MARK: Convolutions

  @Test func causalConvolutionsWithResidualsKeepTheirWindows() throws {
    var m = Graphs()
    var x = "x"
    for (index, dilation) in [1, 2, 4].enumerated() {
      let padded = m.node(
        "Pad", [x, m.integers([0, 0, 2 * dilation, 0, 0, 0])], "padded\(index)")
      let y = m.node(
        "Conv", [padded, m.draw([8, 8, 3]), m.draw([8])], "conv\(index)",
        [.ints("dilations", [dilation])])
      let activated = m.node("Relu", [y], "relu\(index)")
      x = m.node("Add", [x, activated], index == 2 ? "y" : "sum\(index)")
    }
    try check(
      m.model(["N", 8, "T"]), shape: [1, 8, 40], axis: 2, outputAxis: 2,
      chunks: [1, 1, 2, 17, 3, 16])
  }

  /// A temporal convolutional network pads both ends and cuts off the steps behind the last.
  @Test func stepsBehindTheLastMayBeCutOff() throws {
    var m = Graphs()
    m.node(
      "Conv", ["x", m.draw([5, 4, 3])], "wide", [.ints("pads", [4, 4]), .ints("dilations", [2])])
    m.node("Relu", ["wide"], "relu")
    m.node("Slice", ["relu", m.integers([0]), m.integers([-4]), m.integers([2])], "y")
    try check(
      m.model(["N", 4, "T"]), shape: [1, 4, 21], axis: 2, outputAxis: 2, chunks: [3, 1, 10, 7])
  }

  @Test func windowsWithStridesWaitForTheirSteps() throws {
    var m = Graphs()
    m.node("Conv", ["x", m.draw([6, 2, 5])], "conv", [.ints("strides", [3])])
    m.node("MaxPool", ["conv"], "pooled", [.ints("kernel_shape", [2]), .ints("strides", [2])])
    m.node("Conv", ["pooled", m.draw([3, 6, 1])], "y", [.ints("strides", [2])])
    let model = m.model(["N", 2, "T"])
    try check(
      model, shape: [1, 2, 100], axis: 2, outputAxis: 2, chunks: [1, 6, 40, 3, 30, 20])
    let stream = try StreamingSession(model)
    #expect(stream.hop == 12)
    #expect(try stream.push(Tensor(shape: [1, 2, 3], Array(repeating: Float(1), count: 6))) == nil)
  }

  @Test func depthwiseAndPointwiseConvolutions() throws {
    var m = Graphs()
    m.node("Pad", ["x", m.integers([0, 0, 4, 0, 0, 0])], "padded")
    m.node("Conv", ["padded", m.draw([6, 1, 5])], "depth", [.int("group", 6)])
    m.node("Conv", ["depth", m.draw([20, 6, 1]), m.draw([20])], "point")
    m.node("HardSwish", ["point"], "swish")
    m.node("Conv", ["swish", m.draw([1, 20, 1])], "y")
    try check(
      m.model(["N", 6, "T"]), shape: [1, 6, 700], axis: 2, outputAxis: 2,
      chunks: [1, 1, 2, 17, 300, 3, 376])
  }

  @Test func twoDimensionalConvolutionsRunAlongTheirLastAxis() throws {
    var m = Graphs()
    m.node(
      "Conv", ["x", m.draw([4, 1, 3, 3])], "conv", [.ints("pads", [1, 2, 1, 0])])
    m.node("Relu", ["conv"], "relu")
    m.node("ReduceMean", ["relu", m.integers([2])], "y", [.int("keepdims", 0)])
    try check(
      m.model(["N", 1, 16, "T"]), shape: [1, 1, 16, 33], axis: 3, outputAxis: 2,
      chunks: [8, 8, 2, 15])
  }

  /// Samples to frames, bands and a recurrent layer, as `onnx-train new sound-gru` builds them.
  @Test func soundsAreClassifiedWhileTheyArrive() throws {
    var sounds = SoundGRU()
    sounds.classes = 3
    sounds.hidden = 8
    var model = try sounds.model(seed: 1)
    let logits = try #require(model.graph.outputs.first?.name)
    model.graph.nodes.append(Node("Identity", inputs: [logits], outputs: ["y"]))
    model.graph.outputs = [ValueInfo("y", nil)]
    for index in model.graph.nodes.indices {
      model.graph.nodes[index].inputs = model.graph.nodes[index].inputs.map {
        $0 == "audio" ? "x" : $0
      }
    }
    model.graph.inputs[0].name = "x"
    try check(
      model, shape: [1, 3000], axis: 1, outputAxis: nil, chunks: [100, 400, 1000, 37, 1463])
  }

  // MARK: Refusals

  /// The node that prevents a stream, and a part of the reason.
  @Test(arguments: [
    "reverse", "padded", "mean", "softmax", "attention", "positions", "last to all", "delay",
    "resize",
  ])
  func nodesThatNeedTheWholeSequenceAreNamed(reason: String) throws {
    var m = Graphs()
    switch reason {
    case "reverse":
      m.node(
        "GRU", ["x", m.draw([1, 12, 3]), m.draw([1, 12, 4])], "y",
        [.int("hidden_size", 4), .string("direction", "reverse"), .int("layout", 1)],
        name: "culprit")
    case "padded":
      m.node("Transpose", ["x"], "t", [.ints("perm", [0, 2, 1])])
      m.node(
        "Conv", ["t", m.draw([2, 3, 3])], "c", [.ints("pads", [1, 1]), .ints("strides", [2])],
        name: "culprit")
      m.node("Relu", ["c"], "y")
    case "mean": m.node("ReduceMean", ["x", m.integers([1])], "y", name: "culprit")
    case "softmax": m.node("Softmax", ["x"], "y", [.int("axis", 1)], name: "culprit")
    case "attention":
      m.node("Transpose", ["x"], "t", [.ints("perm", [0, 2, 1])])
      m.node("MatMul", ["x", "t"], "y", name: "culprit")
    case "positions":
      m.node("Shape", ["x"], "count", [.int("start", 1), .int("end", 2)])
      m.node("Squeeze", ["count"], "n")
      m.node("Range", [m.scalar(0), "n", m.scalar(1)], "range")
      m.node("Cast", ["range"], "r", [.int("to", 1)])
      m.node("Unsqueeze", ["r", m.integers([1])], "column")
      m.node("Add", ["x", "column"], "y", name: "culprit")
    case "last to all":
      m.node("Gather", ["x", m.integers([-1])], "last", [.int("axis", 1)])
      m.node("Mul", ["x", "last"], "y", name: "culprit")
    case "delay":
      m.node("Pad", ["x", m.integers([0, 2, 0, 0, -2, 0])], "late")
      m.node("Add", ["x", "late"], "y", name: "culprit")
    default:
      m.node(
        "Resize", ["x", "", m.draw([3], constant: [1, 2, 1])], "y", name: "culprit")
    }
    let error = #expect(throws: ModelError.self) {
      _ = try StreamingSession(m.model(["N", "T", 3]))
    }
    guard case .node(let name, _, .unsupported(let text))? = error else {
      Issue.record("\(reason): \(String(describing: error))")
      return
    }
    #expect(reason == "delay" || name == "culprit")
    #expect(text.contains("a stream"), "\(text)")
  }

  @Test func stepsBehindTheLastAreNoOutput() throws {
    var m = Graphs()
    m.node("Transpose", ["x"], "t", [.ints("perm", [0, 2, 1])])
    m.node("Conv", ["t", m.draw([2, 3, 3])], "y", [.ints("pads", [1, 1])])
    let error = #expect(throws: ModelError.self) {
      _ = try StreamingSession(m.model(["N", "T", 3]))
    }
    #expect(error?.description.contains("1 steps behind the last step") == true)
  }

  @Test func theAxisOfTheStepsMustBeClear() throws {
    let model = recurrent("GRU", output: "sequence", shape: ["T", "K", 3])
    let error = #expect(throws: ModelError.self) { _ = try StreamingSession(model) }
    #expect(error?.description.contains("axis of the steps must be given") == true)
    #expect(throws: ModelError.self) { _ = try StreamingSession(model, axes: ["x": 3]) }
    #expect(throws: ModelError.self) {
      _ = try StreamingSession(model, axes: ["x": 0], sizes: ["L": 2])
    }
    #expect(try StreamingSession(model, axes: ["x": -3]).axes == ["x": 0])
    let two = try StreamingSession(model, axes: ["x": 0], sizes: ["K": 2])
    #expect(try two.push(Tensor(zeros: [1, 2, 3]))?["y"]?.shape == [1, 1, 2, 4])
    let typo = #expect(throws: ModelError.self) { _ = try StreamingSession(model, axes: ["y": 0]) }
    #expect(typo == .unknownName("y", nearest: "x"))
    try check(
      model, shape: [4, 1, 3], axis: 0, outputAxis: 0, chunks: [1, 3], inputAxes: ["x": 0])
  }

  @Test func chunksThatDoNotFitAreRefusedAndDropped() throws {
    let stream = try StreamingSession(recurrent("GRU", output: "sequence"))
    let good = Tensor(shape: [2, 1, 3], [Float](repeating: 0.5, count: 6))
    let first = try stream.push(good)
    #expect(throws: ModelError.self) {
      _ = try stream.push(Tensor(shape: [2, 3], [Float](repeating: 0, count: 6)))
    }
    #expect(throws: ModelError.self) {
      _ = try stream.push(Tensor(shape: [2, 1, 4], [Float](repeating: 0, count: 8)))
    }
    #expect(throws: ModelError.self) { _ = try stream.push(["z": good]) }
    #expect(throws: ModelError.self) {
      _ = try stream.push(Tensor(shape: [0, 2, 3], [Float]()))
    }
    #expect(try stream.push(good) != first)
    stream.reset()
    #expect(try stream.push(good) == first)
  }

  // MARK: States in the graph's interface

  @Test func statesPassFromRunToRun() throws {
    let model = statefulSum()
    let session = try Session(model)
    let stream = try session.stream(states: ["h": "h_out"])
    let one = Tensor(shape: [2], [Float(1), 2])
    for count in 1...4 {
      let y = try stream.run(["x": one])["y"]
      #expect(y == Tensor(shape: [2], [Float(count), Float(2 * count)]))
    }
    stream.reset()
    #expect(try stream.run(["x": one]).keys.sorted() == ["y"])
    #expect(stream.states["h"] == one)
  }

  @Test func streamsRefuseNamesThatTheModelDoesNotHave() throws {
    let session = try Session(statefulSum())
    for states in [["xx": "h_out"], ["h": "h_ou"]] {
      let error = #expect(throws: ModelError.self) { _ = try session.stream(states: states) }
      guard case .unknownName(_, let nearest)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(nearest == (states["h"] == nil ? "x" : "h_out"))
    }
    #expect(throws: ModelError.self) {
      _ = try session.stream(states: [:], initial: ["h": Tensor(Float(0))])
    }
  }

  private func statefulSum() -> Model {
    Model(
      graph: Graph(
        name: "sum",
        nodes: [
          Node("Add", inputs: ["x", "h"], outputs: ["h_out"]),
          Node("Identity", inputs: ["h_out"], outputs: ["y"]),
        ],
        inputs: [ValueInfo("x", .tensor(.float32, [2])), ValueInfo("h", .tensor(.float32, [2]))],
        outputs: [ValueInfo("y", nil), ValueInfo("h_out", nil)]),
      operatorSets: [OperatorSetImport(version: 20)])
  }

  private func recurrent(
    _ type: String, output: String, initial: Tensor? = nil, shape: Shape = ["T", "N", 3]
  ) -> Model {
    var m = Graphs()
    let gates = ["RNN": 1, "GRU": 3, "LSTM": 4][type] ?? 1
    var inputs = ["x", m.draw([1, 4 * gates, 3]), m.draw([1, 4 * gates, 4])]
    if let initial { inputs += ["", "", m.constant(initial)] }
    m.node(
      type, inputs, output == "state" ? ["", "h"] : ["h"], [.int("hidden_size", 4)])
    m.node("Identity", ["h"], "y")
    return m.model(shape)
  }
}

/// Numbers from −0.5 to 0.5.
private struct RandomDraws {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / Float(1 << 24) - 0.5
  }
}

/// A graph from input `x` to output `y`.
private struct Graphs {
  private var nodes: [Node] = []
  private var initializers: [NamedTensor] = []
  private var draws = RandomDraws(seed: 1)

  @discardableResult
  mutating func node(
    _ type: String, _ inputs: [String], _ output: String, _ attributes: [Attribute] = [],
    name: String? = nil
  ) -> String {
    node(type, inputs, [output], attributes, name: name)
    return output
  }

  mutating func node(
    _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = [],
    name: String? = nil
  ) {
    nodes.append(
      Node(type, name: name, inputs: inputs, outputs: outputs, attributes: attributes))
  }

  mutating func constant(_ tensor: Tensor) -> String {
    let name = "c\(initializers.count)"
    initializers.append(NamedTensor(name, tensor))
    return name
  }

  mutating func integers(_ values: [Int]) -> String {
    constant(Tensor(shape: [values.count], values.map(Int64.init)))
  }

  mutating func scalar(_ value: Int) -> String { constant(Tensor(Int64(value))) }

  mutating func draw(_ shape: [Int], constant values: [Float]? = nil) -> String {
    var elements: [Float] = []
    for _ in 0..<shape.reduce(1, *) { elements.append(draws.next()) }
    return constant(Tensor(shape: shape, values ?? elements))
  }

  func model(_ shape: Shape) -> Model {
    Model(
      graph: Graph(
        name: "sequence", nodes: nodes, inputs: [ValueInfo("x", .tensor(.float32, shape))],
        outputs: [ValueInfo("y", nil)], initializers: initializers),
      operatorSets: [OperatorSetImport(version: 20)])
  }
}
