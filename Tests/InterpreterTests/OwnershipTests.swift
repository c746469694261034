import ONNX
import Testing

/// A session that owns its model frees the weights that it keeps in packed form.
@Suite struct OwnershipTests {
  /// `y = Conv(x, w)` for `w` of 64 KB.
  private static let channels = 128
  private let weights = floats(
    [channels, channels, 1, 1], (0..<channels * channels).map { Float($0 % 7) - 3 })
  private let x = floats([1, channels, 4, 4], (0..<channels * 16).map { Float($0 % 5) - 2 })

  private func model(
    _ nodes: [Node]? = nil, batch: Dimension = 1, outputs: [String] = ["y"]
  ) throws -> Model {
    Models.model(
      nodes ?? [Node("Conv", inputs: ["x", "w"], outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, [batch, 128, 4, 4]))], outputs: outputs,
      initializers: [NamedTensor("w", try weights.copied())])
  }

  /// Whether the contents of `w` have been freed, except for pages shared with other data.
  private func isGivenBack(_ model: Model) -> Bool {
    model.graph.initializers[0].tensor.elements(as: Float.self)[2048..<8192].allSatisfy { $0 == 0 }
  }

  /// Runs the model several times in a session that owns it, and once in one that does not.
  private func runsAlike(_ model: Model) throws -> Bool {
    let expected = try Session(model).run(["x": x])
    let session = try Session(owning: model)
    return try (0..<3).allSatisfy { _ in try session.run(["x": x]) == expected }
  }

  @Test func packedWeightsReplaceTheOriginals() throws {
    let model = try model()
    #expect(try runsAlike(model))
    #expect(isGivenBack(model))
  }

  @Test func originalsStayWhereSomebodyReadsThem() throws {
    let second = try model(
      [
        Node("Conv", inputs: ["x", "w"], outputs: ["y"]),
        Node("Identity", inputs: ["w"], outputs: ["z"]),
      ], outputs: ["y", "z"])
    #expect(try runsAlike(second))
    #expect(second.graph.initializers[0].tensor == weights)

    let output = try model(outputs: ["y", "w"])
    #expect(try runsAlike(output))
    #expect(output.graph.initializers[0].tensor == weights)

    let shared = try model()
    _ = try Session(shared).run(["x": x])
    #expect(shared.graph.initializers[0].tensor == weights)
  }

  @Test func originalsStayForInputsOfOtherShapes() throws {
    let model = try model(batch: .symbol("N"))
    #expect(try runsAlike(model))
    #expect(model.graph.initializers[0].tensor == weights)
  }

  @Test func normalizationIsFoldedIntoWeights() throws {
    let nodes = [
      Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
      Node("BatchNormalization", inputs: ["c", "s", "s", "s", "s"], outputs: ["y"]),
    ]
    for other in [[], [Node("Conv", inputs: ["x", "w"], outputs: ["z"])]] {
      var model = try model(nodes + other, outputs: other.isEmpty ? ["y"] : ["y", "z"])
      let factors = (0..<Self.channels).map { Float($0 % 3) + 1 }
      model.graph.initializers.append(NamedTensor("s", floats([Self.channels], factors)))
      #expect(try runsAlike(model))
    }
  }

  @Test func replacedInitializersCanBeRuledOut() throws {
    var model = try model()
    model.graph.inputs.append(ValueInfo("w", .tensor(.float32, [128, 128, 1, 1])))
    let open = try Session(owning: model)
    #expect(open.optionalInputs.map(\.name) == ["w"])
    _ = try open.run(["x": x])
    #expect(model.graph.initializers[0].tensor == weights)

    var options = SessionOptions()
    options.allowsReplacedInitializers = false
    let closed = try Session(owning: model, options: options)
    #expect(closed.optionalInputs.isEmpty)
    _ = try closed.run(["x": x])
    #expect(isGivenBack(model))
    #expect(throws: ModelError.self) { try closed.run(["x": x, "w": weights]) }
  }

  /// The plans of a session and its subgraphs are freed with the session.
  @Test func nothingOutlivesASession() throws {
    weak var storage: TensorStorage?
    func use() throws {
      let body = Graph(
        nodes: [
          Node("Identity", inputs: ["before"], outputs: ["after"]),
          Node("Conv", inputs: ["state", "w"], outputs: ["next"]),
        ],
        inputs: ["trip", "before", "state"].map { ValueInfo($0, nil) },
        outputs: ["after", "next"].map { ValueInfo($0, nil) })
      let model = try model([
        Node("Conv", inputs: ["x", "w"], outputs: ["a"]),
        Node(
          "Loop", inputs: ["trips", "", "a"], outputs: ["y"], attributes: [.graph("body", body)]),
      ])
      var looping = model
      looping.graph.initializers.append(NamedTensor("trips", Tensor(Int64(2))))
      storage = model.graph.initializers[0].tensor.storage
      let session = try Session(looping)
      let y = try session.run(["x": x])["y"]
      let bound = try session.bind(inputs: ["x": x])
      try bound.run()
      #expect(try bound.output("y") == y)
      #expect(storage != nil)
    }
    try use()
    #expect(storage == nil)
  }

  @Test func aBoundSessionNeedsNoOther() throws {
    func bind() throws -> BoundSession { try Session(model()).bind(inputs: ["x": x]) }
    let bound = try bind()
    try bound.run()
    #expect(try bound.output("y") == Session(model()).run(["x": x])["y"])
  }
}
