import ONNX
import ONNXOperators
import Synchronization
import Testing

/// Loading and runs end soon after their time limit, wherever the time goes.
@Suite struct DeadlineTests {
  private static var options: SessionOptions {
    var options = SessionOptions()
    options.timeLimit = .milliseconds(100)
    options.threads = 2
    return options
  }

  /// Expects the error, soon.
  private func expectDeadline(
    _ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let start = ContinuousClock.now
    let error = #expect(throws: ModelError.self, sourceLocation: sourceLocation) { try body() }
    #expect(
      error?.description.contains("deadline exceeded: the time limit is 0.1 s") == true,
      "\(String(describing: error))", sourceLocation: sourceLocation)
    // The limit and the patience are 0.4 s; the rest is for busy machines.
    #expect(ContinuousClock.now - start < .seconds(5), sourceLocation: sourceLocation)
  }

  private func model(
    _ nodes: [Node], _ input: TensorType = TensorType(.int64, []),
    _ initializers: [NamedTensor] = []
  ) -> Model {
    Models.model(
      nodes, inputs: [ValueInfo("x", ValueType(.tensor(input)))], initializers: initializers)
  }

  @Test(arguments: [
    // Long loops of one task.
    Node("HannWindow", inputs: ["x"], outputs: ["y"], attributes: [.int("output_datatype", 3)]),
    Node("Range", inputs: ["zero", "x", "one"], outputs: ["y"]),
  ])
  func endsInsideAKernel(node: Node) throws {
    let constants = [
      NamedTensor("zero", Tensor(Int64(0))), NamedTensor("one", Tensor(Int64(1))),
    ]
    let session = try Session(
      model([node], TensorType(.int64, []), constants), options: Self.options)
    let count = node.operatorType == "Range" ? 1 << 28 : 1 << 31
    expectDeadline { _ = try session.run(["x": Tensor(Int64(count))]) }
    // The session can be used again.
    let y = try session.run(["x": Tensor(Int64(3))])["y"]
    #expect(y?.shape == [3])
  }

  @Test func endsInTasks() throws {
    let session = try Session(
      model(
        [
          Node(
            "AveragePool", inputs: ["x"], outputs: ["y"],
            attributes: [.ints("kernel_shape", [1000, 1000])])
        ], TensorType(.float32, [.size(1), .symbol("C"), .symbol("H"), .symbol("W")])),
      options: Self.options)
    let x = Tensor(shape: [1, 2, 2000, 2000], [Float](repeating: 1, count: 8_000_000))
    expectDeadline { _ = try session.run(["x": x]) }
    let bound = try Session(
      model([Node("Identity", inputs: ["x"], outputs: ["y"])], TensorType(.float32, [2])),
      options: Self.options
    ).bind(inputs: ["x": Tensor(shape: [2], [1, 2] as [Float])])
    try bound.run()
    #expect(try bound.output("y") == Tensor(shape: [2], [1, 2] as [Float]))
  }

  @Test func endsInConstantFolding() throws {
    expectDeadline {
      _ = try Session(
        model(
          [
            Node(
              "HannWindow", inputs: ["n"], outputs: ["w"], attributes: [.int("output_datatype", 3)]),
            Node("Shape", inputs: ["w"], outputs: ["s"]),
            Node("Add", inputs: ["s", "x"], outputs: ["y"]),
          ], TensorType(.int64, []), [NamedTensor("n", Tensor(Int64(1 << 31)))]),
        options: Self.options)
    }
  }

  @Test func endsInARegularExpression() throws {
    let pattern = "(" + String(repeating: "a?", count: 400) + ")*"
    let session = try Session(
      Models.model(
        [
          Node(
            "RegexFullMatch", inputs: ["x"], outputs: ["y"],
            attributes: [.string("pattern", pattern)])
        ], inputs: [ValueInfo("x", .tensor(.string, [1]))]), options: Self.options)
    let text = String(repeating: "a", count: 1_000_000)
    expectDeadline { _ = try session.run(["x": Tensor(shape: [1], [text])]) }
  }

  @Test func workThatDoesNotNoticeIsLeft() {
    let start = ContinuousClock.now
    let result = Deadline.run(until: .now + .milliseconds(50)) {
      let start = ContinuousClock.now
      while ContinuousClock.now - start < .seconds(2) {}
      return 1
    }
    #expect(result == nil)
    #expect(ContinuousClock.now - start < .seconds(2))
    #expect(Deadline.run(until: .now + .seconds(60)) { Deadline.isPassed } == false)
  }

  @Test func tasksAreSkippedAfterTheDeadline() {
    let pool = ThreadPool(threads: 2)
    let result = Deadline.run(until: .now + .milliseconds(50)) {
      pool.parallel(1_000_000) { _ in
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .microseconds(100) {}
      }
      return Deadline.isPassed
    }
    #expect(result == true)
    let count = Counter()
    pool.parallel(100) { _ in count.value.wrappingAdd(1, ordering: .relaxed) }
    #expect(count.value.load(ordering: .relaxed) == 100)
  }
}

private final class Counter: Sendable {
  let value = Atomic<Int>(0)
}
