import Foundation
import ONNX
import Testing

/// Against PyTorch, by the numbers of tools/generate/optimizers.py.
@Suite struct OptimizerTests {
  static let optimizers: [(name: String, optimizer: any Optimizer, rate: Double)] = [
    ("sgd", SGD(), 0.05),
    ("sgd_decay", SGD(weightDecay: 0.1), 0.05),
    ("momentum", SGD(momentum: 0.9), 0.05),
    ("nesterov", SGD(momentum: 0.9, nesterov: true, weightDecay: 0.01), 0.05),
    ("adagrad", Adagrad(rateDecay: 0.1, weightDecay: 0.01), 0.05),
    ("adadelta", Adadelta(weightDecay: 0.01), 1),
    ("rmsprop", RMSProp(decay: 0.9), 0.05),
    ("rmsprop_momentum", RMSProp(momentum: 0.9, weightDecay: 0.01), 0.05),
    ("adam", Adam(weightDecay: 0.01), 0.05),
    ("adamw", Adam.adamW(weightDecay: 0.1), 0.05),
  ]

  @Test(arguments: optimizers.map(\.name)) func followsPyTorch(name: String) throws {
    let (_, optimizer, rate) = try #require(Self.optimizers.first { $0.name == name })
    let expected = try #require(optimizerNumbers[name])
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.optimizer = optimizer
    let trainer = try Trainer(SmallNetwork.model, options)
    for loss in expected.losses {
      let result = try trainer.train(on: SmallNetwork.batch, rate: rate)
      #expect(abs(result.loss - loss) < 1e-8)
    }
    let model = try trainer.model
    let parameters = try model.graph.initializers.flatMap { try $0.tensor.array(as: Double.self) }
    #expect(parameters.count == expected.parameters.count)
    for (a, b) in zip(parameters, expected.parameters) { #expect(abs(a - b) < 1e-8) }
  }

  @Test func ratesFollowTheirSchedules() {
    #expect(LearningRate.constant(0.1).rate(epoch: 3, of: 10) == 0.1)
    #expect(LearningRate.steps(1, factor: 0.5, every: 2).rate(epoch: 5.9, of: 10) == 0.25)
    #expect(
      LearningRate.exponential(1, factor: 0.5, after: 10).rate(epoch: 12.5, of: 50) == 0.25)
    #expect(LearningRate.cosine(1, final: 0).rate(epoch: 0, of: 10) == 1)
    #expect(abs(LearningRate.cosine(1, final: 0).rate(epoch: 5, of: 10) - 0.5) < 1e-12)
    #expect(LearningRate.triangle(peak: 1, warmup: 0.5).rate(epoch: 0, of: 10) == 0.04)
    #expect(LearningRate.triangle(peak: 1, warmup: 0.5).rate(epoch: 2.5, of: 10) == 0.52)
    #expect(LearningRate.triangle(peak: 1, warmup: 0.5).rate(epoch: 7.5, of: 10) == 0.5)
  }
}

/// `tanh(x·W1 + b1)·W2 + b2` in float64, with the numbers of tools/generate/optimizers.py.
enum SmallNetwork {
  static func numbers(_ shape: [Int], _ phase: Double, scale: Double = 1) -> Tensor {
    Tensor(
      shape: shape,
      (0..<shape.reduce(1, *)).map { scale * sin(1.7 * Double($0) + phase) })
  }

  static var model: Model {
    Model(
      graph: Graph(
        name: "small",
        nodes: [
          Node("Gemm", name: "first", inputs: ["x", "W1", "b1"], outputs: ["a"]),
          Node("Tanh", inputs: ["a"], outputs: ["h"]),
          Node("Gemm", name: "last", inputs: ["h", "W2", "b2"], outputs: ["y"]),
        ],
        inputs: [ValueInfo("x", .tensor(.float64, [.symbol("N"), 3]))],
        outputs: [ValueInfo("y", .tensor(.float64, [.symbol("N"), 2]))],
        initializers: [
          NamedTensor("W1", numbers([3, 4], 0.2, scale: 0.5)),
          NamedTensor("b1", numbers([4], 0.3, scale: 0.1)),
          NamedTensor("W2", numbers([4, 2], 0.4, scale: 0.5)),
          NamedTensor("b2", numbers([2], 0.5, scale: 0.1)),
        ]),
      operatorSets: [OperatorSetImport(version: 20)])
  }

  static var batch: Batch {
    Batch(["x": numbers([6, 3], 0.1), Loss.labels: numbers([6, 2], 0.9)], count: 6)
  }
}
