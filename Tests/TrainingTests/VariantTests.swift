import ONNX
import Testing

/// Training of models side by side.
@Suite struct VariantTests {
  /// `y = w x` with `w = 2`, and batches whose loss is `(2x − t)²`.
  private func variant(_ name: String, rate: Double) throws -> Comparison.Variant {
    let m = ModelBuilder()
    let x = try m.input("x", ["N", 1])
    let w = try m.parameter("w", [1, 1], .constant(2))
    try m.output("y", m.node("MatMul", [x, w]))
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.optimizer = SGD()
    let data = try TensorDataset([
      "x": Tensor(shape: [2, 1], [1, 1] as [Float]),
      "labels": Tensor(shape: [2, 1], [1, 1] as [Float]),
    ])
    let batches = data.batches(size: 1, seed: nil)
    return Comparison.Variant(
      name: name, model: try m.model(name: "line"), options: options, rate: .constant(rate),
      training: batches, test: batches)
  }

  @Test func recordsLossesAndGradientsOfEveryStep() throws {
    let comparison = Comparison(
      title: "rates", variants: [try variant("slow", rate: 0.25)], epochs: 2)
    let course = try #require(try comparison.run { _, _, _ in true }?.first)
    // With w = 2, 1.5, 1.25, 1.125 the loss is (w − 1)² and the gradient 2 (w − 1).
    #expect(course.losses == [1, 0.25, 0.0625, 0.015625])
    #expect(course.gradientNorms == [2, 1, 0.5, 0.25])
    #expect(course.tests.map(\.loss) == [0.0625, 0.00390625])
    #expect(course.failure == nil)
  }

  @Test func aLossThatIsNotFiniteEndsOneCourseOnly() throws {
    let comparison = Comparison(
      title: "rates",
      variants: [try variant("fast", rate: 1e30), try variant("slow", rate: 0.25)], epochs: 3)
    let courses = try #require(try comparison.run { _, _, _ in true })
    #expect(courses.map { $0.failure != nil } == [true, false])
    #expect(courses[0].losses.count < 6)
    #expect(courses[1].losses.count == 6)
  }

  @Test func theObserverEndsTraining() throws {
    let comparison = Comparison(
      title: "rates", variants: [try variant("slow", rate: 0.25)], epochs: 1)
    #expect(try comparison.run { _, step, _ in step < 1 } == nil)
  }

  @Test func gradientsOfLayersAreThoseOfTheLoss() throws {
    let variant = try variant("slow", rate: 0.25)
    let norms = try layerGradientNorms(
      variant.model, variant.options, variant.training.batch(epoch: 0, index: 0))
    #expect(norms.map(\.name) == ["w"])
    #expect(norms.map(\.norm) == [2])
  }

  @Test func windowsSeeEqualNumbersOfTokens() throws {
    let comparison = try ComparisonName.windows.comparison(
      RecipeOptions { path, _ in throw DataError("no pictures", in: path) })
    for variant in comparison.variants {
      let tokens = try variant.training.batch(epoch: 0, index: 0).tensors["tokens"]
      #expect(tokens?.count == 800)
    }
  }
}
