import ONNX
import ONNXOperators
import Testing

/// Runs of one tensor, awaited runs, and names that are wrong.
@Suite struct RunTests {
  private let x: Tensor = [[1.0, 0, 2]]
  private let y: Tensor = [[21.0, 34]]

  @Test func oneTensorGoesInAndOneComesOut() throws {
    let session = try Session(Models.linear)
    #expect(try session.run(x) == y)
    #expect(try session.run(x, output: "y") == y)
    #expect(try session.run(["x": x], output: "y") == y)
  }

  @Test func severalNeedNames() throws {
    let session = try Session(Models.sumAndDifference)
    let given: [String: Tensor] = ["left": [3.0], "right": [1.0]]
    #expect(try session.run(given, output: "total") == [4.0])
    expect("the model has 2 inputs, not one: 'left', 'right'; pass a dictionary of tensors by name")
    {
      _ = try session.run(x, output: "total")
    }
    expect("the model has 2 outputs, not one: 'negative', 'absolute'; say which one to return") {
      _ = try Session(Models.twoOutputs).run(x)
    }
  }

  @Test func wrongNamesAreCorrected() throws {
    let session = try Session(Models.sumAndDifference)
    let given: [String: Tensor] = ["left": [3.0], "right": [1.0]]
    let bound = try session.bind(inputs: given)
    let mistakes: [(String, () throws -> Void)] = [
      ("right", { _ = try session.run(["left": [3.0], "rigth": [1.0]]) }),
      ("right", { _ = try session.run(["left": [3.0], "right": [1.0], "rihgt": [1.0]]) }),
      ("total", { _ = try session.run(given, output: "totl") }),
      ("total", { _ = try session.bind(inputs: given, outputs: ["totl"]) }),
      ("left", { _ = try session.bind(inputs: ["lft": [3.0], "right": [1.0]]) }),
      ("left", { _ = try session.types(shapes: ["lft": [1]]) }),
      ("left", { try bound.withInput("lft", as: Float.self) { _ in } }),
      ("total", { try bound.withOutput("totl", as: Float.self) { _ in } }),
      ("total", { _ = try bound.output("totl") }),
      (
        "left",
        { _ = try session.run(given, state: CarriedState(), carried: ["lft": "total"], seed: 0) }
      ),
      (
        "total",
        { _ = try session.run(given, state: CarriedState(), carried: ["left": "totl"], seed: 0) }
      ),
    ]
    for (name, body) in mistakes {
      let error = #expect(throws: ModelError.self) { try body() }
      #expect("\(error.map { "\($0)" } ?? "")".hasSuffix("; did you mean '\(name)'?"))
    }
    expect("input 'right' is missing; every run needs it") { _ = try session.run(["left": [1.0]]) }
  }

  @Test func anAwaitedRunComputesTheSame() async throws {
    let session = try Session(Models.linear)
    #expect(try await session.run(x) == y)
    #expect(try await session.run(["x": x])["y"] == y)
    #expect(try await session.run(["x": x], output: "y", timeout: .seconds(100)) == y)
    #expect(try await session.run(values: ["x": .tensor(x)])["y"]?.tensor == y)
    await #expect(throws: ModelError.unknownName("z", nearest: "y")) {
      try await session.run(x, output: "z")
    }
    await #expect(throws: ModelError.input("x", "expected float32[N,3], got float32[]")) {
      try await session.run(1.0)
    }
  }

  @Test func manyAwaitedRunsTakeTurns() async throws {
    let session = try Session(Models.linear)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for row in 0..<200 {
        group.addTask {
          let x = Tensor([Float(row), 0, 2], shape: [1, 3])
          let y = Tensor([Float(row) + 20, 2 * Float(row) + 32], shape: [1, 2])
          return try await session.run(x) == y
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test(arguments: [false, true]) func cancellationEndsTheRun(isQueued: Bool) async throws {
    let loop = try Session(Models.loop)
    let others = (0..<(isQueued ? ThreadPool.available : 0)).map { _ in
      Task { try await loop.run(100_000_000) }
    }
    let task = Task { try await loop.run(100_000_000) }
    try await Task.sleep(for: .milliseconds(30))
    task.cancel()
    await #expect(throws: ModelError.cancelled) { try await task.value }
    for other in others { other.cancel() }
    for other in others { _ = try? await other.value }
    // The session can be used again.
    #expect(try await loop.run(5) == 5)
  }

  @Test func theDeadlineEndsTheRun() async throws {
    let session = try Session(Models.loop)
    let error = await #expect(throws: ModelError.self) {
      try await session.run(100_000_000, timeout: .milliseconds(50))
    }
    #expect(
      "\(error.map { "\($0)" } ?? "")".contains("deadline exceeded: the time limit is 0.05 s"))
    #expect(try await session.run(5, timeout: .seconds(100)) == 5)
    await #expect(throws: ModelError.self) { try await session.run(5, timeout: .zero) }
  }

  @Test func theDeadlineEndsBetweenNodes() async throws {
    let session = try Session(Models.products(10_000))
    let x = Tensor(repeating: 0.001 as Float, shape: [200, 200])
    await #expect(throws: ModelError.self) {
      try await session.run(x, timeout: .milliseconds(50))
    }
  }

  @Test func theTimeLimitOfTheOptionsCountsToo() async throws {
    var options = SessionOptions()
    options.timeLimit = .milliseconds(50)
    let session = try Session(Models.loop, options: options)
    await #expect(throws: ModelError.self) {
      try await session.run(100_000_000, timeout: .seconds(100))
    }
    #expect(throws: ModelError.self) { try session.run(100_000_000) as Tensor }
  }

  private func expect(
    _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    let error = #expect(throws: ModelError.self, sourceLocation: sourceLocation) { try body() }
    #expect(error?.description == text, sourceLocation: sourceLocation)
  }
}
