import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import ONNX
import Synchronization

@testable import Serving

/// A folder of its own with these models.
func folder(_ models: [String: Model]) throws -> String {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  for (name, model) in models { try model.write(to: "\(path)/\(name).onnx") }
  return path
}

func served(_ model: Model, name: String = "model") throws -> ServedModel {
  let path = try folder([name: model])
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try ServedModel(name: name, version: "1", path: "\(path)/\(name).onnx")
}

/// Small models.
enum Small {
  /// `y = x · w + b`, from [N, 3] to [N, 2].
  static var linear: Model {
    model(
      [
        Node("MatMul", inputs: ["x", "w"], outputs: ["p"]),
        Node("Add", inputs: ["p", "b"], outputs: ["y"]),
      ], .tensor(.float32, [.symbol("N"), 3]), .tensor(.float32, [.symbol("N"), 2]),
      [NamedTensor("w", [[1.1, 2], [3, 4], [5, 6]]), NamedTensor("b", [10.0, 20])])
  }

  /// The difference from the mean of all samples.
  static var centred: Model {
    model(
      [
        Node("ReduceMean", inputs: ["x", "axes"], outputs: ["mean"]),
        Node("Sub", inputs: ["x", "mean"], outputs: ["y"]),
      ], .tensor(.float32, [.symbol("N"), 3]), .tensor(.float32, [.symbol("N"), 3]),
      [NamedTensor("axes", Tensor(shape: [1], [Int64(0)]))])
  }

  /// Rows of a table of three. Other indices are errors.
  static var rows: Model {
    model(
      [Node("Gather", inputs: ["table", "x"], outputs: ["y"])],
      .tensor(.int64, [.symbol("N")]), .tensor(.float32, [.symbol("N"), 2]),
      [NamedTensor("table", [[1.0, 2], [3, 4], [5, 6]])])
  }

  /// A loop of as many iterations as the input says.
  static var loop: Model {
    let body = Graph(
      nodes: [Node("Add", inputs: ["value", "one"], outputs: ["next"])],
      inputs: [
        ValueInfo("i", .tensor(.int64, [])), ValueInfo("more", .tensor(.bool, [])),
        ValueInfo("value", .tensor(.int64, [])),
      ],
      outputs: [ValueInfo("more", .tensor(.bool, [])), ValueInfo("next", .tensor(.int64, []))],
      initializers: [NamedTensor("one", Tensor(Int64(1)))])
    return model(
      [
        Node("Loop", inputs: ["x", "", "zero"], outputs: ["y"], attributes: [.graph("body", body)])
      ],
      .tensor(.int64, []), .tensor(.int64, []), [NamedTensor("zero", Tensor(Int64(0)))])
  }

  private static func model(
    _ nodes: [Node], _ input: ValueType, _ output: ValueType, _ constants: [NamedTensor]
  ) -> Model {
    Model(
      graph: Graph(
        name: "small", nodes: nodes, inputs: [ValueInfo("x", input)],
        outputs: [ValueInfo("y", output)], initializers: constants),
      operatorSets: [OperatorSetImport(version: 20)])
  }
}

/// A scheduler of one thread that the test can keep busy.
struct OneThread {
  let metrics = ServerMetrics()
  let scheduler: Scheduler
  private let blocker: ServedModel

  init(_ change: (inout ServerOptions) -> Void = { _ in }) throws {
    var options = ServerOptions(folder: "")
    options.threads = 1
    change(&options)
    scheduler = Scheduler(options, metrics: metrics)
    blocker = try served(Small.linear, name: "blocker")
  }

  /// Adds requests while the thread is busy, then lets it go on.
  /// - Parameter waiting: how many of them wait, by model
  func whileBusy<R: Sendable>(
    waiting: [String: Int], _ body: @escaping @Sendable (Scheduler) async throws -> R
  ) async throws -> R {
    let gate = DispatchSemaphore(value: 0)
    let isBusy = Atomic<Bool>(false)
    async let slice: Void = scheduler.slice(of: blocker) {
      isBusy.store(true, ordering: .relaxed)
      gate.wait()
    }
    while !isBusy.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(1)) }
    async let result = body(scheduler)
    while !waiting.allSatisfy({ scheduler.waiting[$0] == $1 }) {
      try await Task.sleep(for: .milliseconds(1))
    }
    gate.signal()
    try await slice
    return try await result
  }

  /// The runs of a model so far.
  func runs(_ model: ServedModel) -> Int {
    count("onnx_serve_batch_size_count{model=\"\(model.name)\"}", metrics.factory.text())
  }
}

/// The value of a sample of metrics.
func count(_ sample: String, _ text: String) -> Int {
  let line = text.split(separator: "\n").first { $0.hasPrefix(sample + " ") }
  return line.flatMap { Int($0.dropFirst(sample.count + 1)) } ?? 0
}
