import Foundation
import Hummingbird
import ONNX
import ServiceLifecycle
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Train.
  func addTrainRoutes(to group: RouterGroup<ServeContext>) {
    let data = TrainData(mnist: mnist)
    let runs = TrainingRuns()
    let train = group.group("train")
    train.get("choices") { _, _ in Response(json: TrainChoices(data.kinds)) }
    train.post("check") { request, _ in
      Response(json: NetworkReport(try await request.json(TrainDesign.self)))
    }
    train.post("runs") { request, _ in
      var design = try await request.json(TrainDesign.self)
      design.imported = nil
      try design.check()
      let run = try await runs.start { [design] in
        try Training(design, data.examples(design.data))
      }
      return Response(json: try await RunDescription(run))
    }
    train.post("load") { request, _ in
      let bytes = Array(try await request.bytes(limit: Self.mostFileBytes).readableBytesView)
      let run: TrainingRun
      let imported = try await Large.read(bytes.count) { try ImportedNetwork.read(bytes) }
      if let (design, model) = imported {
        run = try await runs.start {
          try Training(design, data.examples(design.data), imported: model)
        }
      } else {
        let snapshot = try await Large.read(bytes.count) { try TrainSnapshot(bytes) }
        try snapshot.design.check()
        run = try await runs.start {
          try Training(snapshot, data.examples(snapshot.design.data))
        }
      }
      return Response(json: try await RunDescription(run))
    }
    let one = train.group("runs/:id")
    one.get("events") { _, context in
      let run = try runs.run(context.parameters.require("id"))
      return Response.events { events in try await Self.send(run, to: &events) }
    }
    one.post("set") { request, context in
      let run = try runs.run(context.parameters.require("id"))
      let change = try await request.json(RunChange.self)
      try await change.apply(to: run, of: runs)
      return Response(json: ["isRunning": run.isRunning])
    }
    one.get("onnx") { _, context in
      let run = try runs.run(context.parameters.require("id"))
      return Self.file(
        try await run.perform { try TrainSnapshot($0).onnx() }, "trained.onnx",
        "application/octet-stream")
    }
    one.get("snapshot") { _, context in
      let run = try runs.run(context.parameters.require("id"))
      return Self.file(
        try await run.perform { try TrainSnapshot($0).json() }, "training.json",
        "application/json")
    }
    one.delete { _, context in
      runs.end(try runs.run(context.parameters.require("id")))
      return Response(json: ["ended": true])
    }
  }

  /// The most bytes of a file that is loaded.
  private static let mostFileBytes = 48 << 20

  private static func file(_ bytes: [UInt8], _ name: String, _ type: String) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: type, .contentDisposition: "attachment; filename=\"\(name)\""],
      body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// Sends a frame whenever there is something new, at most ten a second, and less often where that
  /// would take more than a fifth of the time.
  private static func send(_ run: TrainingRun, to events: inout EventWriter) async throws {
    run.enter()
    defer { run.leave() }
    var listener = FrameListener()
    var (seen, quiet) = (-1, 0)
    while !Task.isShuttingDownGracefully, !run.hasEnded {
      let start = ContinuousClock.now
      let changes = run.changes
      if changes != seen {
        let known = listener
        var (frame, next) = try await run.perform { training in
          var listener = known
          return (try training.frame(for: &listener), listener)
        }
        listener = next
        (frame.isRunning, frame.problem) = (run.isRunning, run.problem)
        // Asking for the frame is a change, too.
        seen = changes &+ 1
        quiet = 0
        try await events.send("frame", frame)
      } else {
        quiet += 1
        if quiet % 10 == 0 { try await events.send("ping", quiet) }
      }
      let cost = ContinuousClock.now - start
      try await Task.sleep(for: max(.milliseconds(100) - cost, cost * 4))
    }
  }
}

/// What the page offers.
private struct TrainChoices: Encodable {
  let data: [DataChoice.Kind]
  let layers = LayerDesign.Kind.allCases
  let optimizers = TrainDesign.OptimizerKind.allCases
  let presets: [TrainPreset]

  init(_ data: [DataChoice.Kind]) {
    self.data = data
    presets = TrainPreset.all
  }
}

/// The shapes of a network's layers, or what is wrong with it.
private struct NetworkReport: Encodable {
  var layers: [LayerFacts] = []
  var problem: LayerProblem?

  init(_ design: TrainDesign) {
    do { layers = try design.facts() } catch { problem = error }
  }
}

/// A run as the page needs to know it.
private struct RunDescription: Encodable {
  let run: String
  let design: TrainDesign
  let rate: Double
  let layers: [LayerFacts]
  /// The kinds of the layers.
  let kinds: [String]
  let classes: [String]
  let trainCount: Int
  let validationCount: Int
  /// The points of a cloud, `x` and `y` of each, and their classes.
  let points: CloudPoints?

  struct CloudPoints: Encodable, Sendable {
    let train: Values
    let trainLabels: [Int64]
    let validation: Values
    let validationLabels: [Int64]
    let extent = MadeData.extent
  }

  init(_ run: TrainingRun) async throws {
    self.run = run.identifier
    (design, rate) = try await run.perform { ($0.design, $0.rate) }
    let examples = try await run.perform { $0.examples }
    (layers, kinds) = try await run.perform { ($0.network.facts, $0.network.layers.map(\.kind)) }
    classes = examples.choice.classes
    trainCount = examples.train.count
    validationCount = examples.validation.count
    points =
      examples.choice.kind.isCloud
      ? CloudPoints(
        train: try Values(examples.train.columns[0].tensor),
        trainLabels: examples.train.classLabels ?? [],
        validation: try Values(examples.validation.columns[0].tensor),
        validationLabels: examples.validation.classLabels ?? []) : nil
  }
}

/// A change that the page asks for.
private struct RunChange: Decodable {
  var isRunning: Bool?
  var rate: Double?
  var steps: Int?
  /// The most steps of a second; 0 for as many as there is time for.
  var pace: Int?
  var resets: Bool?
  /// The validation example whose maps are shown.
  var shown: Int?

  func apply(to run: TrainingRun, of runs: TrainingRuns) async throws {
    if let rate {
      guard TrainDesign.rates.contains(rate) else {
        throw ServingError(
          .badRequest,
          "rate: expected \(TrainDesign.rates.lowerBound) to "
            + "\(TrainDesign.rates.upperBound), found \(rate)")
      }
      try await run.perform { $0.rate = rate }
    }
    if let pace {
      guard (0...10_000).contains(pace) else {
        throw ServingError(.badRequest, "pace: expected 0 to 10000, found \(pace)")
      }
      run.pace = pace
    }
    if let shown {
      try await run.perform { training in
        guard (0..<training.examples.validation.count).contains(shown) else {
          throw ServingError(
            .badRequest,
            "shown: expected 0 to \(training.examples.validation.count - 1), found \(shown)")
        }
        training.shown = shown
      }
    }
    if resets == true {
      run.isRunning = false
      try await run.perform { try $0.reset() }
    }
    if let steps {
      guard (1...100).contains(steps) else {
        throw ServingError(.badRequest, "steps: expected 1 to 100, found \(steps)")
      }
      run.isRunning = false
      try await run.perform { training in
        for _ in 0..<steps { try training.train() }
        try training.catchUp()
      }
    }
    switch isRunning {
    case true?: try runs.train(run)
    case false?: run.isRunning = false
    case nil: break
    }
  }
}
