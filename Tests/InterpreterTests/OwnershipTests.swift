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

  /// Whether the contents of `w` are gone, except for pages that others may share.
  private func isGivenBack(_ storage: TensorStorage?) throws -> Bool {
    let floats = try #require(storage).pointer.assumingMemoryBound(to: Float.self)
    return (2048..<8192).allSatisfy { floats[$0] == 0 }
  }

  /// Runs a model in a session that owns it, several times, and in one that does not.
  /// - Returns: whether the memory of `w` was given back
  private func ownedRuns(
    _ make: () throws -> Model, options: SessionOptions = SessionOptions()
  ) throws -> Bool {
    let expected = try Session(make()).run(["x": x])
    let model = try make()
    // Does not count as another holder.
    weak let storage = model.graph.initializers[0].tensor.storage
    let session = try Session(owning: consume model, options: options)
    for _ in 0..<3 { #expect(try session.run(["x": x]) == expected) }
    return try isGivenBack(storage)
  }

  @Test func packedWeightsReplaceTheOriginals() throws {
    #expect(try ownedRuns { try model() })
  }

  @Test func weightsThatSomebodyElseHoldsStay() throws {
    let model = try model()
    let expected = try Session(model).run(["x": x])
    let session = try Session(owning: model)
    #expect(try session.run(["x": x]) == expected)
    #expect(model.graph.initializers[0].tensor == weights)

    let other = try self.model()
    let tensor = other.graph.initializers[0].tensor
    #expect(try Session(owning: consume other).run(["x": x]) == expected)
    #expect(tensor == weights)
  }

  /// A weight may be the value of a node that folding turns into an initializer.
  @Test func weightsInAttributesThatSomebodyElseHoldsStay() throws {
    var model = try model()
    let weight = model.graph.initializers.removeLast().tensor
    model.graph.nodes.insert(
      Node("Constant", inputs: [], outputs: ["w"], attributes: [.tensor("value", weight)]), at: 0)
    let expected = try Session(model).run(["x": x])
    #expect(try Session(owning: model).run(["x": x]) == expected)
    #expect(weight == weights)
  }

  @Test func originalsStayWhereSomebodyReadsThem() throws {
    let nodes = [
      Node("Conv", inputs: ["x", "w"], outputs: ["y"]),
      Node("Identity", inputs: ["w"], outputs: ["z"]),
    ]
    #expect(try !ownedRuns { try model(nodes, outputs: ["y", "z"]) })
    #expect(try !ownedRuns { try model(outputs: ["y", "w"]) })

    let shared = try model()
    _ = try Session(shared).run(["x": x])
    #expect(shared.graph.initializers[0].tensor == weights)
  }

  @Test func originalsStayForInputsOfOtherShapes() throws {
    #expect(try !ownedRuns { try model(batch: .symbol("N")) })
  }

  @Test func normalizationIsFoldedIntoWeights() throws {
    let nodes = [
      Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
      Node("BatchNormalization", inputs: ["c", "s", "s", "s", "s"], outputs: ["y"]),
    ]
    for other in [[], [Node("Conv", inputs: ["x", "w"], outputs: ["z"])]] {
      let factors = (0..<Self.channels).map { Float($0 % 3) + 1 }
      let isGivenBack = try ownedRuns {
        var model = try model(nodes + other, outputs: other.isEmpty ? ["y"] : ["y", "z"])
        model.graph.initializers.append(NamedTensor("s", floats([Self.channels], factors)))
        return model
      }
      #expect(isGivenBack)
    }
  }

  @Test func replacedInitializersCanBeRuledOut() throws {
    func open() throws -> Model {
      var model = try model()
      model.graph.inputs.append(ValueInfo("w", .tensor(.float32, [128, 128, 1, 1])))
      return model
    }
    #expect(try Session(owning: open()).optionalInputs.map(\.name) == ["w"])
    #expect(try !ownedRuns(open))

    var options = SessionOptions()
    options.allowsReplacedInitializers = false
    #expect(try ownedRuns(open, options: options))
    let closed = try Session(owning: open(), options: options)
    #expect(closed.optionalInputs.isEmpty)
    #expect(throws: ModelError.self) { try closed.run(["x": x, "w": weights]) }
  }

  /// Each set of replaced initializers is a program of its own; the oldest are dropped.
  @Test func variantsHaveABound() throws {
    let names = ["a", "b", "c", "d"]
    let value = floats([1, 2], [1, 2])
    let model = Models.model(
      [Node("Sum", inputs: ["x"] + names, outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, [1, 2]))]
        + names.map { ValueInfo($0, .tensor(.float32, [1, 2])) },
      initializers: names.map { NamedTensor($0, value) })
    var options = SessionOptions()
    options.maxPlans = 2
    let session = try Session(model, options: options)
    for _ in 0..<2 {
      for name in names {
        let y = try session.run(["x": value, name: floats([1, 2], [0, 0])])["y"]
        #expect(y == floats([1, 2], [4, 8]))
      }
    }
    #expect(session.variantCount == 2)
  }

  /// A session's plans, its subgraphs' among them, go with it.
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
