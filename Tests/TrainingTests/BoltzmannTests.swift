import Foundation
import ONNX
import Testing

@Suite struct BoltzmannTests {
  /// A float64 machine of 4 visible and 3 hidden units with the parameters of
  /// tools/generate/contrastive_divergence.py.
  private func model(steps: Int, isTraining: Bool = true) throws -> Model {
    var net = RestrictedBoltzmannMachine()
    (net.height, net.width, net.machine.units) = (2, 2, 3)
    (net.machine.gibbsSteps, net.machine.weightDecay) = (steps, 0.1)
    net.isTraining = isTraining
    var model = try net.model(elementType: .float64)
    let values = [
      "rbm.weight": SmallNetwork.numbers([3, 4], 0.2), "rbm.bias": SmallNetwork.numbers([3], 0.3),
      "rbm.visible_bias": SmallNetwork.numbers([4], 0.4),
    ]
    for index in model.graph.initializers.indices {
      if let value = values[model.graph.initializers[index].name ?? ""] {
        model.graph.initializers[index].tensor = value
      }
    }
    return model
  }

  private let batch: Batch = {
    let pixels = (0..<8).map { 0.5 + 0.5 * sin(1.7 * Double($0) + 0.1) }
    return Batch(["image": Tensor(shape: [2, 1, 2, 2], pixels)], count: 2)
  }()

  private var options: TrainingOptions {
    var options = TrainingOptions()
    (options.loss, options.output) = (.mean, "error")
    options.stopped = [BoltzmannMachine.stopped]
    options.optimizer = SGD()
    return options
  }

  /// The hidden states that a step with the options' seed draws.
  private func draws(_ model: Model) throws -> [[Double]] {
    var model = model
    let names = model.graph.nodes.filter { $0.operatorType == "Bernoulli" }.map { $0.outputs[0] }
    model.graph.outputs = names.map { ValueInfo($0, nil) }
    var stream = RandomStream(seed: options.seed, 0)
    let values = try Session(model).run(
      batch.tensors, state: CarriedState(), carried: [:], seed: stream.next())
    return try names.map { try #require(values[$0]).array(as: Bool.self).map { $0 ? 1 : 0 } }
  }

  /// What a step with the rate 1 adds to each parameter, by the steps of Gibbs sampling.
  private static let updates: [Int: [String: [Double]]] = [
    1: [
      "rbm.weight": [
        -0.12403271344441899, -0.08230991474156496, 0.1172317277251135, 0.07579343405072864,
        -0.18892036536957363, -0.0624957226919748, 0.16185747449230148, 0.0368721696738202,
        -0.19847807078961796, -0.05892301128659351, 0.13839941527314728, -0.012757326297341724,
      ],
      "rbm.bias": [
        -0.007431256076694204, -0.01826164226004312, -0.05338077435661723,
      ],
      "rbm.visible_bias": [
        -0.1297882638483649, 0.024734089415812732, 0.0973531905100274, -0.007427335358201621,
      ],
    ],
    2: [
      "rbm.weight": [
        -0.1928367415208556, -0.07614015823460735, 0.15997099498048523, 0.050198527081277186,
        -0.27523477885796516, -0.06278431329993207, 0.21001756322809412, 0.005335220148915652,
        -0.28035981558936296, -0.08426588581180773, 0.1683910748708207, -0.038564515658908394,
      ],
      "rbm.bias": [
        -0.007876678818982796, -0.027482581154152252, -0.087430186070756,
      ],
      "rbm.visible_bias": [
        -0.21992684799079865, 0.034299489695564345, 0.153572061276859, -0.04241806732551422,
      ],
    ],
  ]

  @Test(arguments: [1, 2]) func theStepIsContrastiveDivergence(steps: Int) throws {
    let model = try model(steps: steps)
    let states: [[Double]] = [[1, 0, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1]]
    let drawn = try draws(model)
    #expect(drawn == Array(states[..<steps]), "\(drawn)")
    let trainer = try Trainer(model, options)
    let result = try trainer.train(on: batch, rate: 1)
    #expect(abs(result.loss - 0.018365264201964188) < 1e-12)
    for (name, update) in try #require(Self.updates[steps]) {
      let old = try parameter(name, of: model).array(as: Double.self)
      let new = try parameter(name, of: trainer.model).array(as: Double.self)
      for (index, step) in update.enumerated() {
        #expect(abs(new[index] - old[index] - step) < 1e-12, "\(name)[\(index)]")
      }
    }
  }

  @Test func theLossIsTheErrorOfTheWrittenModel() throws {
    let written = try model(steps: 1, isTraining: false)
    #expect(!written.graph.nodes.contains { $0.operatorType == "Bernoulli" })
    #expect(written.graph.outputs.map(\.name) == ["hidden", "reconstruction"])
    let pixels = try #require(batch.tensors["image"]).array(as: Double.self)
    let drawn = try #require(try Session(written).run(batch.tensors)["reconstruction"])
    let squares = zip(pixels, try drawn.array(as: Double.self)).map { ($0 - $1) * ($0 - $1) }
    let result = try Trainer(model(steps: 1), options).evaluate(on: batch, states: CarriedState())
    #expect(abs(result.loss - squares.reduce(0, +) / 8) < 1e-12)
  }

  @Test func equalSeedsGiveEqualBits() throws {
    func weights(threads: Int, seed: UInt64) throws -> [Tensor] {
      var net = RestrictedBoltzmannMachine()
      net.isTraining = true
      var options = options
      (options.session.threads, options.seed) = (threads, seed)
      let trainer = try Trainer(net.model(seed: 1), options)
      let images = Batch(["image": noise([64, 1, 28, 28])], count: 64)
      for _ in 0..<3 { _ = try trainer.train(on: images, rate: 0.1) }
      return try trainer.model.graph.initializers.map(\.tensor)
    }
    let one = try weights(threads: 1, seed: 1)
    #expect(try weights(threads: 2, seed: 1) == one)
    #expect(try weights(threads: 1, seed: 2) != one)
  }

  @Test func eachLayerIsTrainedAlone() throws {
    var net = DeepBeliefNetwork()
    (net.height, net.width, net.hidden) = (2, 2, [3, 5])
    net.isTraining = true
    let model = try net.model()
    var options = options
    for layer in 1...2 {
      options.output = "error\(layer)"
      #expect(
        Set(try Trainer(model, options).parameters)
          == ["rbm\(layer).weight", "rbm\(layer).bias", "rbm\(layer).visible_bias"])
    }
    options.loss = .crossEntropy
    options.output = "logits"
    #expect(
      Set(try Trainer(model, options).parameters) == [
        "rbm1.weight", "rbm1.bias", "rbm2.weight", "rbm2.bias", "head.weight", "head.bias",
      ])
  }

  @Test func stoppedValuesMustExist() throws {
    var options = options
    options.stopped = ["*.nothing"]
    let error = #expect(throws: TrainingError.self) { try Trainer(model(steps: 1), options) }
    #expect(error?.description.contains("*.nothing") == true)
  }

  @Test func theWrittenModelHasTheTrainedParameters() throws {
    let trained = try model(steps: 1)
    var recipe = Recipe(
      model: trained, settings: .init(), training: try TrainerTests.pictures(), measure: .loss)
    #expect(recipe.result(trained).graph.outputs.count == 3)
    var net = RestrictedBoltzmannMachine()
    (net.height, net.width, net.machine.units) = (2, 2, 3)
    recipe.exported = try net.model(elementType: .float64)
    let written = recipe.result(trained)
    #expect(written.graph.outputs.map(\.name) == ["hidden", "reconstruction"])
    #expect(try parameter("rbm.weight", of: written) == parameter("rbm.weight", of: trained))
  }
}
