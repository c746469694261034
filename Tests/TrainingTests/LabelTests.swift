import ONNX
import Testing

/// Cross entropy with labels that are left out and with class weights. The numbers are PyTorch's, from
/// tools/generate/class_weights.py.
@Suite struct LabelTests {
  private static let scores: [Float] = [
    0.5, -1, 2, 1.5, 0.25, -0.5, -0.75, 1, 0, 0.1, 0.2, 0.3,
  ]

  /// A model whose scores `[4, 3]` or `[2, 2, 3]` are its parameter.
  private func trainer(
    _ shape: [Int], ignored: Int64 = Loss.ignored, weights: [Float]? = nil
  ) throws -> Trainer {
    var options = TrainingOptions()
    options.optimizer = SGD()
    options.ignoredLabel = ignored
    options.classWeights = weights
    let type = ValueType.tensor(.float32, Shape(shape))
    let model = Model(
      graph: Graph(
        name: "scores", nodes: [Node("Add", inputs: ["x", "w"], outputs: ["y"])],
        inputs: [ValueInfo("x", type)], outputs: [ValueInfo("y", type)],
        initializers: [NamedTensor("w", Tensor(shape: shape, Self.scores))]),
      operatorSets: [OperatorSetImport(version: 17)])
    return try Trainer(model, options)
  }

  /// The loss of a step, and the gradient that it applied.
  private func step(
    _ trainer: Trainer, _ shape: [Int], _ labels: [Int64]
  ) throws -> (result: StepResult, gradient: [Float]) {
    let zeros = Tensor(shape: shape, [Float](repeating: 0, count: 12))
    let batch = Batch(
      ["x": zeros, Loss.labels: Tensor(shape: Array(shape.dropLast()), labels)], count: shape[0])
    let result = try trainer.train(on: batch, rate: 1)
    let after = try trainer.model.graph.initializers[0].tensor.array(as: Float.self)
    return (result, zip(Self.scores, after).map { $0 - $1 })
  }

  private static let examples: [(labels: [Int64], loss: Double, gradient: [Float])] = [
    (
      [2, 0, 1, 1], 0.6440371167904374,
      [
        0.01593549, 0.003555688, -0.019491179, -0.053942913, 0.036636878, 0.017306036, 0.040988802,
        -0.127762096, 0.086773294, 0.109312584, -0.242827275, 0.133514691,
      ]
    ),
    (
      [2, -1, 1, 0], 0.6252312658043887,
      [
        0.025041485, 0.00558751, -0.030628995, 0, 0, 0, 0.064410974, -0.200769007, 0.136358033,
        -0.199825827, 0.094921427, 0.1049044,
      ]
    ),
    (
      [-1, -1, -1, 2], 1.001942848229244,
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0.300609605, 0.332224994, -0.632834599]
    ),
  ]

  @Test(arguments: [[4, 3], [2, 2, 3]]) func weightsAndIgnoredLabelsAreThoseOfPyTorch(
    shape: [Int]
  ) throws {
    for (labels, loss, gradient) in Self.examples {
      let trainer = try trainer(shape, ignored: -1, weights: [1, 2, 0.5])
      let step = try step(trainer, shape, labels)
      #expect(abs(step.result.loss - loss) < 1e-6)
      #expect(zip(step.gradient, gradient).allSatisfy { abs($0 - $1) < 1e-6 })
      #expect(step.result.counted == Double(labels.count { $0 >= 0 }))
      // The accuracy counts each label once.
      let right = zip([2, 0, 1, 2], labels).count { $0 == $1 }
      #expect(step.result.correct == right)
    }
  }

  @Test func aBatchOfIgnoredLabelsTeachesNothing() throws {
    for weights: [Float]? in [nil, [1, 2, 0.5]] {
      let trainer = try trainer([4, 3], ignored: -1, weights: weights)
      let step = try step(trainer, [4, 3], [-1, -1, -1, -1])
      #expect(step.result.loss == 0 && step.result.counted == 0)
      #expect(step.gradient.allSatisfy { $0 == 0 })
      var sum = StepResult()
      sum.add(step.result)
      #expect(sum.counted == 0 && sum.loss == 0)
    }
  }

  @Test func aLabelWithoutAClassIsAnErrorWithItsRange() throws {
    for label: Int64 in [-1, 3] {
      let error = #expect(throws: TrainingError.self) {
        try step(trainer([4, 3]), [4, 3], [0, label, 1, 2])
      }
      #expect(error?.description.contains("label \(label) is out of range") == true)
      #expect(error?.description.contains("expected 0 to 2, or -100") == true)
    }
  }

  @Test func weightsMustFitTheClassesAndTheLoss() throws {
    for weights: [Float] in [[1, 2], [1, -1, 1], [0, 0, 0], [1, .nan, 1]] {
      #expect(throws: TrainingError.self) { try trainer([4, 3], weights: weights) }
    }
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.classWeights = [1, 2]
    #expect(throws: TrainingError.self) { try Trainer(TrainerTests.network(), options) }
  }

  @Test func balancedWeightsAreThoseOfScikitLearn() throws {
    // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 0, 1, 2, 2])
    let weights = try balancedWeights([0, 0, 0, 0, 1, 2, -100, 2])
    #expect(zip(weights, [0.58333333, 2.33333333, 1.16666667]).allSatisfy { abs($0 - $1) < 1e-6 })
    expectDataError("found none of 1") { try balancedWeights([0, 2]) }
    expectDataError("at least 0, found -1") { try balancedWeights([0, -1]) }
    expectDataError("integer labels") { try balancedWeights([]) }
  }

  @Test func theMeanOverBatchesIsWeightedByTheClasses() {
    var sum = StepResult()
    for (loss, weight) in [(1.0, 3.0), (2, 1)] {
      var part = StepResult()
      (part.loss, part.weight, part.counted, part.correct) = (loss, weight, 2, 1)
      sum.add(part)
    }
    #expect(sum.loss == 1.25 && sum.counted == 4 && sum.accuracy == 0.5)
  }

  @Test func theConfusionMatrixCountsTrueAndPredictedClasses() {
    var matrix = ConfusionMatrix(classCount: 3)
    matrix.add(labels: [0, 0, 1, 1, 1, -1], predicted: [0, 1, 1, 1, 0, 2])
    #expect(matrix.counts == [1, 1, 0, 1, 2, 0, 0, 0, 0])
    #expect(matrix.recall(of: 0) == 0.5 && matrix.precision(of: 1) == 2.0 / 3)
    #expect(matrix.recall(of: 2) == nil && matrix.precision(of: 2) == nil)
    #expect(matrix.support(of: 1) == 3)
  }

  @Test func anEvaluationReportsItsPredictions() throws {
    let trainer = try Trainer(TrainerTests.network(), TrainingOptions())
    var matrix = ConfusionMatrix(classCount: try #require(trainer.classCount))
    let result = try trainer.evaluate(TrainerTests.pictures()) {
      matrix.add(labels: $0, predicted: $1)
    }
    #expect(matrix.counts.reduce(0, +) == 96)
    #expect(matrix[0, 0] + matrix[1, 1] == result.correct)
  }
}
