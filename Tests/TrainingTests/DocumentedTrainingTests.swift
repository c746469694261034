import Foundation
import ONNX
import Testing

// The snippets of docs/training.md, "A layer, a loss and a loop of your own", which are copied from
// here. `documentHasTheCodeOfTheTests` fails where the two differ.

/// A gated linear unit (Dauphin et al., 2017): `y = (x W + b) · σ(x V + c)`.
struct GatedDense: Layer {
  var units: Int

  func callAsFunction(_ x: Signal, in m: ModelBuilder) throws(ModelError) -> Signal {
    let value = try Dense(units).named("value")(x, in: m)
    let gate = try Dense(units).named("gate")(x, in: m)
    return try value * sigmoid(gate)
  }
}

/// A normalization by the root mean square (Zhang and Sennrich, 2019), with a scale that is trained.
struct RMSNorm: Layer {
  func callAsFunction(_ x: Signal, in m: ModelBuilder) throws(ModelError) -> Signal {
    let size = try x.size(-1, for: "RMSNorm")
    let scale = try m.parameter("scale", [size], .ones)
    let power = try mean(x * x, axes: [-1], keepsAxes: true)
    return try x / sqrt(power + 1e-6) * scale
  }
}

@Suite struct DocumentedTrainingTests {
  /// Points of three classes around the corners of a triangle.
  private func points(_ count: Int, seed: UInt64) throws -> TensorDataset {
    var random = RandomStream(seed: seed)
    let corners = [(0.0, 2.0), (2, -1), (-2, -1)]
    let labels = (0..<count).map { Int64($0 % 3) }
    let values = labels.flatMap { label in
      [corners[Int(label)].0, corners[Int(label)].1].map { Float($0 + random.normal() / 2) }
    }
    return try TensorDataset([
      "x": Tensor(shape: [count, 2], values), "labels": Tensor(shape: [count], labels),
    ])
  }

  /// The network of the document.
  private func network() throws -> Model {
    let net = Sequential {
      GatedDense(units: 16)
      RMSNorm()
      Dense(3)
    }
    let model = try net.model(input: "x", ["N", 2], output: "scores", seed: 1)
    return model
  }

  /// The options of the document: a loss and a metric.
  private func documentedOptions() -> TrainingOptions {
    var options = TrainingOptions()
    // The focal loss (Lin et al., 2017): examples that are classified well count less.
    options.loss = .custom(labels: TensorType(.int64, ["N"])) { m, outputs, labels in
      let logs = try logSoftmax(outputs["scores"])
      let chosen = try sum(logs * oneHot(labels, classes: 3), axes: [1])
      return try -mean(pow(1 - exp(chosen), 2) * chosen)
    }
    options.metrics["top 2"] = { outputs, labels in
      let scores = try outputs["scores"].array(as: Float.self)
      let classes = try labels.array(as: Int64.self).map(Int.init)
      let hits = classes.indices.count { row in
        let all = scores[row * 3..<(row + 1) * 3]
        return all.count { $0 > all[row * 3 + classes[row]] } < 2
      }
      return Double(hits) / Double(classes.count)
    }
    return options
  }

  @Test func theLoopOfTheDocumentTrains() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("points.onnx")
    let (model, options) = (try network(), documentedOptions())
    let (data, test) = (
      try points(600, seed: 1), try points(300, seed: 2).batches(size: 100, seed: nil)
    )

    let (rest, aside) = data.split(share: 0.1, seed: 1)
    let training = rest.batches(size: 32, seed: 1)
    let validation = aside.batches(size: 100, seed: nil)

    let trainer = try Trainer(model, options)
    let search = try trainer.findLearningRate(training)
    var settings = TrainingLoop.Settings()
    settings.epochs = 5
    settings.rate = .oneCycle(peak: search.suggestion ?? 1e-2)
    settings.keepsBest = true
    settings.bestIs = .highest("top 2")
    let loop = TrainingLoop(trainer, training, validation: validation, settings: settings)
    try loop.run(
      onStep: { step in if step.loss < 1e-6 { loop.stop() } },
      onEpoch: { epoch in print(epoch, loop.elapsed) })
    try loop.model.write(to: path)
    let result = try Trainer(loop.model, options).evaluate(test)
    print("test:", result)

    #expect(try #require(result.metrics["top 2"]) > 0.98)
    let written = try Model(contentsOf: path)
    #expect(written.graph.inputs.map(\.name) == ["x"])
    #expect(!written.graph.nodes.contains { $0.operatorType == "LogSoftmax" })
  }

  @Test func theLoopByHandOfTheDocumentTrains() throws {
    let (model, options) = (try network(), documentedOptions())
    let training = try points(600, seed: 1).batches(size: 32, seed: 1)
    let validation = try points(90, seed: 3).batches(size: 90, seed: nil)

    let trainer = try Trainer(model, options)
    var (rate, least, best) = (0.02, Double.infinity, model)
    for epoch in 0..<5 {
      var mean = StepResult()
      for index in 0..<training.batchCount {
        let batch = try training.batch(epoch: epoch, index: index)
        mean.add(try trainer.train(on: batch, rate: rate))
      }
      let score = try trainer.evaluate(validation)
      print("epoch \(epoch + 1): \(mean), validation: \(score)")
      if score.loss < least {
        (least, best) = (score.loss, try trainer.model)
      } else {
        rate /= 2
      }
    }

    #expect(least < 0.1)
    #expect(best.graph.initializers.count == model.graph.initializers.count)
  }

  /// A loss and a loop in a few lines.
  @Test func theShortestLoopTrains() throws {
    let net = Sequential {
      Dense(8)
      Tanh()
      Dense(1)
    }
    let model = try net.model(["N", 2], seed: 1)
    let x = try points(300, seed: 1).columns.first { $0.name == "x" }!.tensor.array(as: Float.self)
    let sums = stride(from: 0, to: x.count, by: 2).map { x[$0] * x[$0 + 1] }
    let training = try TensorDataset([
      "input": Tensor(shape: [300, 2], x), "labels": Tensor(shape: [300, 1], sums),
    ]).batches(size: 20, seed: 1)
    let validation = training

    var options = TrainingOptions()
    options.loss = .custom { _, outputs, labels in
      let error = try outputs[0] - labels
      return try mean(log(1 + error * error))
    }
    let trainer = try Trainer(model, options)
    let before = try trainer.evaluate(validation).loss
    let rate = try trainer.findLearningRate(training).suggestion ?? 1e-3
    for epoch in 0..<10 {
      for index in 0..<training.batchCount {
        _ = try trainer.train(on: training.batch(epoch: epoch, index: index), rate: rate)
      }
      print(epoch, try trainer.evaluate(validation).loss)
    }
    #expect(try trainer.evaluate(validation).loss < before / 2)
  }

  @Test func documentHasTheCodeOfTheTests() throws {
    let here = URL(filePath: #filePath)
    func lines(_ text: String) -> [String] {
      text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let own = try lines(String(contentsOf: here, encoding: .utf8))
    let root = here.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let document = try String(
      contentsOf: root.appending(path: "docs/training.md"), encoding: .utf8)
    let section = try #require(
      document.components(separatedBy: "## A layer, a loss and a loop of your own").last)
    let blocks = section.components(separatedBy: "\n## ")[0].components(separatedBy: "```swift\n")
      .dropFirst().map { $0.components(separatedBy: "```")[0] }
    #expect(blocks.count == 5)
    for block in blocks {
      let wanted = lines(block)
      let places = own.indices.filter { Array(own[$0...].prefix(wanted.count)) == wanted }
      #expect(places.count == 1, "\(block)")
    }
  }
}
