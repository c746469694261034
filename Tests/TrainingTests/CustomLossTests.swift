import Foundation
import ONNX
import Testing

@Suite struct CustomLossTests {
  private func options(_ loss: Loss) -> TrainingOptions {
    var options = TrainingOptions()
    options.loss = loss
    options.optimizer = SGD()
    return options
  }

  /// The parameters after some steps on the small network.
  private func trained(_ loss: Loss, steps: Int = 3) throws -> (losses: [Double], model: Model) {
    let trainer = try Trainer(SmallNetwork.model, options(loss))
    let losses = try (0..<steps).map { _ in
      try trainer.train(on: SmallNetwork.batch, rate: 0.1).loss
    }
    return (losses, try trainer.model)
  }

  private func expectClose(_ a: Model, _ b: Model) throws {
    for (x, y) in zip(TrainerTests.weights(a), TrainerTests.weights(b)) {
      for (p, q) in zip(try x.array(as: Double.self), try y.array(as: Double.self)) {
        #expect(abs(p - q) < 1e-12)
      }
    }
  }

  @Test func aSquaredErrorWrittenAsAClosureTrainsLikeTheBuiltInOne() throws {
    let custom = try trained(
      .custom { _, outputs, labels in try mean(pow(outputs["y"] - labels, 2)) })
    let builtIn = try trained(.meanSquaredError)
    for (a, b) in zip(custom.losses, builtIn.losses) { #expect(abs(a - b) < 1e-12) }
    try expectClose(custom.model, builtIn.model)
  }

  @Test func theTrainedModelDoesNotContainTheLoss() throws {
    let model = try trained(.custom { _, outputs, labels in try mean(abs(outputs[0] - labels)) })
      .model
    #expect(model.graph.nodes.map(\.operatorType) == ["Gemm", "Tanh", "Gemm"])
    #expect(model.graph.inputs.map(\.name) == ["x"])
  }

  /// Parameters, inner values and inputs that the loss itself adds.
  @Test func aLossMayReadAnyValueAndAddInputs() throws {
    let loss = Loss.custom { m, outputs, labels in
      let weights = try m.input("weights", ["N", 1], .float64)
      let error = try mean(weights * pow(outputs["y"] - labels, 2))
      return try error + 0.1 * sum(pow(outputs["W1"], 2)) + mean(outputs["h"] * outputs["h"])
    }
    let trainer = try Trainer(SmallNetwork.model, options(loss))
    #expect(Set(trainer.inputs.map(\.name)) == ["x", "labels", "weights"])
    var batch = SmallNetwork.batch
    #expect(throws: TrainingError.self) { try trainer.train(on: batch, rate: 0.1) }
    batch.tensors["weights"] = Tensor(shape: [6, 1], [1, 0, 1, 0, 2, 2.0])
    let first = try trainer.train(on: batch, rate: 0.05).loss
    for _ in 0..<20 { _ = try trainer.train(on: batch, rate: 0.05) }
    #expect(try trainer.train(on: batch, rate: 0.05).loss < first)
  }

  /// With a focus of 0, the focal loss (Lin et al., 2017) is the cross entropy.
  @Test func aLossOfClassesTakesIntegerLabels() throws {
    func focal(_ focus: Double) -> Loss {
      .custom(labels: TensorType(.int64, ["N"])) { _, outputs, labels in
        let logs = try logSoftmax(outputs["y"])
        let chosen = try sum(
          logs * oneHot(labels, classes: 2, logs.elementType), axes: [1])
        return try -mean(pow(1 - exp(chosen), focus) * chosen)
      }
    }
    var batch = SmallNetwork.batch
    batch.tensors[Loss.labels] = Tensor(shape: [6], [0, 1, 1, 0, 1, 0] as [Int64])
    let plain = try Trainer(SmallNetwork.model, options(focal(0)))
    let wanted = try Trainer(SmallNetwork.model, options(.crossEntropy))
    for _ in 0..<3 {
      let (a, b) = try (plain.train(on: batch, rate: 0.1), wanted.train(on: batch, rate: 0.1))
      #expect(abs(a.loss - b.loss) < 1e-12)
      #expect(a.accuracy == nil)
    }
    try expectClose(plain.model, wanted.model)
    let focused = try Trainer(SmallNetwork.model, options(focal(2)))
    #expect(
      try focused.train(on: batch, rate: 0.1).loss < plain.train(on: batch, rate: 0.1).loss)
  }

  @Test func whatIsNoLossIsRefusedInOneSentence() throws {
    struct Mine: Error, CustomStringConvertible { let description = "my reason" }
    let cases: [(Loss, String)] = [
      (
        .custom { _, outputs, labels in try outputs[0] - labels },
        "a loss is a floating-point number of rank 0"
      ),
      (.custom { _, outputs, _ in try mean(outputs["z"]) }, "'z'"),
      (.custom { _, outputs, _ in try mean(outputs[3]) }, "output 3 of a model with 1 outputs"),
      (
        .custom { m, outputs, _ in try mean(outputs[0] * m.parameter("p", [2], .fanIn)) },
        "the custom loss has a parameter"
      ),
      (.custom { _, _, _ in throw Mine() }, "the custom loss: my reason"),
      (
        .custom(labels: TensorType(.int64, nil)) { _, _, labels in try mean(labels) },
        "need a shape"
      ),
      (.custom { _, _, labels in try mean(labels) }, "nothing to train"),
    ]
    for (loss, reason) in cases {
      let error = #expect(throws: TrainingError.self) {
        try Trainer(SmallNetwork.model, options(loss))
      }
      #expect(error.map { "\($0)".contains(reason) } ?? false, "\(String(describing: error))")
    }
  }
}
