import ONNX
import Synchronization
import TestThreads
import Testing

@Suite struct SessionTests {
  let x = floats([2, 2], [-1, 2, -3, 4])
  let y = floats([2, 2], [0, 2, 0, 4])

  @Test func runsAModel() throws {
    let session = try Session(Models.chain(3))
    #expect(try session.run(["x": x])["y"] == y)
  }

  @Test func plansAnewForAnotherBatch() throws {
    let session = try Session(Models.chain(2))
    for rows in [1, 3, 2, 0, 3] {
      let x = floats([rows, 2], Array(repeating: -1, count: rows * 2))
      #expect(
        try session.run(["x": x])["y"] == floats([rows, 2], Array(repeating: 0, count: rows * 2)))
    }
  }

  @Test func leavesTheInputsUntouched() throws {
    let before = try x.copied()
    _ = try Session(Models.chain(4)).run(["x": x])
    #expect(x == before)
  }

  @Test func anOutputMayBeAnInputOrAnInitializer() throws {
    let w = floats([1], [7])
    var model = Models.model(
      [Models.relu("x", "y")], outputs: ["x", "w", "y", "y"], initializers: [NamedTensor("w", w)])
    model.graph.outputs[3].name = "y"
    let results = try Session(model).run(["x": x])
    #expect(results == ["x": x, "w": w, "y": y])
  }

  @Test func viewsShareMemoryWithWhatTheyShow() throws {
    let shape = NamedTensor("s", Tensor(shape: [1], [-1] as [Int64]))
    let session = try Session(
      Models.model(
        [
          Node("Reshape", inputs: ["x", "s"], outputs: ["flat"]), Models.relu("flat", "y"),
          Node("Reshape", inputs: ["y", "s"], outputs: ["z"]),
        ], outputs: ["y", "z", "flat"], initializers: [shape]))
    let results = try session.run(["x": x])
    #expect(results["y"] == floats([4], [0, 2, 0, 4]))
    #expect(results["z"] == results["y"])
    #expect(results["flat"] == floats([4], [-1, 2, -3, 4]))
  }

  @Test func shapesThatDependOnDataAreFoundAtRunTime() throws {
    let session = try Session(
      Models.model(
        [
          Node("Reshape", inputs: ["x", "s"], outputs: ["a"]), Models.relu("a", "b"),
          Models.relu("b", "y"),
        ],
        inputs: [
          ValueInfo("x", .tensor(.float32, [2, 2])), ValueInfo("s", .tensor(.int64, [.unknown])),
        ]))
    for target in [[4], [1, 4], [4, 1], [2, 1, 2]] {
      let s = Tensor(shape: [target.count], target.map(Int64.init))
      let result = try session.run(["x": x, "s": s])["y"]
      #expect(try result == y.reshaped(to: target))
    }
  }

  @Test func initializersMayBeReplacedWhereTheyAreInputs() throws {
    let w = floats([2, 2], [1, -1, 1, -1])
    let model = Models.model(
      [Models.relu("w", "y")],
      inputs: [ValueInfo("w", .tensor(.float32, [2, 2]))], initializers: [NamedTensor("w", w)])
    let session = try Session(model)
    #expect(session.inputs.isEmpty)
    #expect(try session.run([:])["y"] == floats([2, 2], [1, 0, 1, 0]))
    #expect(try session.run(["w": x])["y"] == y)
    #expect(try session.run([:])["y"] == floats([2, 2], [1, 0, 1, 0]))
  }

  @Test func namesAMissingAnUnknownAndAMisfitInput() throws {
    let session = try Session(Models.chain(1))
    #expect(throws: ModelError.missingInput("x")) { try session.run([:]) }
    #expect(throws: ModelError.unknownName("xx", nearest: "x")) {
      try session.run(["x": x, "xx": x])
    }
    #expect(throws: ModelError.input("x", "expected float32[N,2], got float32[4]")) {
      try session.run(["x": floats([4], [1, 2, 3, 4])])
    }
    #expect(throws: ModelError.input("x", "expected float32[N,2], got int32[1,2]")) {
      try session.run(["x": Tensor(shape: [1, 2], [1, 2] as [Int32])])
    }
  }

  @Test func manyThreadsMayUseOneSession() throws {
    let session = try Session(Models.chain(20))
    let failures = Atomic<Int>(0)
    withThreads(8) { thread in
      for round in 0..<100 {
        let rows = (thread + round) % 5 + 1
        let x = floats([rows, 2], Array(repeating: Float(thread), count: rows * 2))
        if (try? session.run(["x": x])["y"]) != x { failures.add(1, ordering: .relaxed) }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }

  @Test func aBoundSessionRunsOnWhatItsInputsHold() throws {
    let session = try Session(Models.chain(3))
    let bound = try session.bind(inputs: ["x": x])
    try bound.run()
    #expect(try bound.output("y") == y)
    try bound.withInput("x", as: Float.self) { $0[0] = 5 }
    try bound.run()
    #expect(try bound.output("y") == floats([2, 2], [5, 2, 0, 4]))
    #expect(x == floats([2, 2], [-1, 2, -3, 4]))
    #expect(throws: ModelError.unknownName("z", nearest: "y")) { try bound.output("z") }
  }

  @Test func aBoundSessionKeepsItsOutputsWhereTheyAre() throws {
    let bound = try Session(Models.chain(3)).bind(inputs: ["x": x])
    try bound.run()
    let first = try bound.withOutput("y", as: Float.self) { $0.baseAddress }
    try bound.run()
    #expect(try bound.withOutput("y", as: Float.self) { $0.baseAddress } == first)
  }

  /// Some outputs are always computed, even without a name.
  @Test func anyOutputMayBeLeftUnnamed() throws {
    let nodes = [
      Node("TopK", inputs: ["x", "k"], outputs: ["", "y"]),
      Node("TopK", inputs: ["x", "k"], outputs: ["", ""]),
      Node("Relu", inputs: ["x"], outputs: [""]),
      Node(
        "Split", inputs: ["x"], outputs: ["", "z"],
        attributes: [.int("num_outputs", 2), .int("axis", 1)]),
    ]
    let model = Models.model(
      nodes, outputs: ["y", "z"],
      initializers: [NamedTensor("k", Tensor(shape: [1], [Int64(1)]))])
    let x = floats([1, 2], [3, 7])
    for passes in [[], Passes.standard] {
      var options = SessionOptions()
      options.passes = passes
      let session = try Session(model, options: options)
      let outputs = try session.run(["x": x])
      #expect(outputs["y"] == Tensor(shape: [1, 1], [Int64(1)]))
      #expect(outputs["z"] == floats([1, 1], [7]))
      #expect(try !session.types().keys.contains(""))
    }
  }

  @Test func runsDrawOtherNumbersEachTimeAndTheSameInAnotherSession() throws {
    let model = Models.model([Node("RandomNormalLike", inputs: ["x"], outputs: ["y"])])
    let x = floats([3, 2], [0, 0, 0, 0, 0, 0])
    let session = try Session(model)
    let first = try session.run(["x": x])
    let second = try session.run(["x": x])
    #expect(first != second)
    let other = try Session(model)
    #expect(try other.run(["x": x]) == first)
    #expect(try other.run(["x": x]) == second)
  }

  @Test func aProfileHasEveryNode() throws {
    let profile = Profile()
    _ = try Session(Models.chain(3)).run(values: ["x": .tensor(x)], profile: profile)
    #expect(profile.events.map(\.name) == ["#0", "#1", "#2"])
    #expect(profile.chromeTrace.contains("\"cat\":\"Relu\""))
  }
}
