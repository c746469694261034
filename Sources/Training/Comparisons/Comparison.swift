import ONNXFormat
import ONNXInterpreter

/// Models that are trained side by side and differ in one choice, such as their activation.
package struct Comparison: Sendable {
  /// One of the models.
  package struct Variant: Sendable {
    /// The choice that it stands for.
    package var name: String
    package var model: Model
    package var options: TrainingOptions
    package var rate: LearningRate
    package var training: any BatchSource
    package var test: any BatchSource

    package init(
      name: String, model: Model, options: TrainingOptions, rate: LearningRate,
      training: any BatchSource, test: any BatchSource
    ) {
      self.name = name
      self.model = model
      self.options = options
      self.rate = rate
      self.training = training
      self.test = test
    }
  }

  /// A figure of a comparison beside the losses.
  package enum Detail: Sendable {
    /// The gradient norm of each layer's weights at the start and at the end, for one batch.
    case gradientsByLayer(Batch)
    /// The gradient norm of every step.
    case gradientsByStep
    /// The gradient of the output with respect to earlier inputs, of models with other weights.
    case gradientsByDistance([(name: String, model: Model)], Tensor, input: String)
  }

  /// What the variants differ in, as the title of a figure.
  package var title: String
  package var variants: [Variant]
  package var epochs: Int
  package var detail: Detail?

  package init(title: String, variants: [Variant], epochs: Int, detail: Detail? = nil) {
    self.title = title
    self.variants = variants
    self.epochs = epochs
    self.detail = detail
  }

  /// A model's training.
  package struct Course: Sendable {
    package let name: String
    package let start: Model
    package internal(set) var end: Model
    /// The loss of every step.
    package internal(set) var losses: [Double] = []
    /// The norm of all gradients of every step, before clipping.
    package internal(set) var gradientNorms: [Double] = []
    /// The result on the test data after each epoch.
    package internal(set) var tests: [StepResult] = []
    /// The step whose loss or gradient was infinite or NaN, where training ended.
    package internal(set) var failure: Int?
  }

  /// Trains all variants.
  /// - Parameter observe: Called after every step with the number of steps completed and of all.
  ///   Training ends if it returns `false`.
  /// - Returns: The courses in the order of the variants; `nil` if training was ended.
  /// - Throws: `TrainingError`, and errors of the data. A loss that is infinite or NaN ends its course.
  package func run(_ observe: (Variant, Int, Int) -> Bool) throws -> [Course]? {
    var courses: [Course] = []
    for variant in variants {
      let trainer = try Trainer(variant.model, variant.options)
      var course = Course(name: variant.name, start: variant.model, end: variant.model)
      let count = variant.training.batchCount
      do {
        for epoch in 0..<epochs {
          let batches = Prefetcher(variant.training, epochs: epoch..<epoch + 1, from: 0)
          while let item = try batches.next() {
            let step = course.losses.count
            let rate = variant.rate.rate(
              epoch: Double(step) / Double(count), of: Double(epochs))
            let result = try trainer.train(on: item.batch, rate: rate)
            course.losses.append(result.loss)
            course.gradientNorms.append(result.gradientNorm)
            guard observe(variant, step + 1, count * epochs) else { return nil }
          }
          course.tests.append(try trainer.evaluate(variant.test))
        }
      } catch TrainingError.notFinite(let step, _) {
        course.failure = step
      }
      course.end = try trainer.model
      courses.append(course)
    }
    return courses
  }
}

/// The experiments of `onnx-train compare`.
package enum ComparisonName: String, Sendable, CaseIterable {
  case activations, optimizers, clipping, windows

  /// Whether the experiment reads pictures; the others generate their own data.
  package var needsPictures: Bool { self == .activations || self == .optimizers }

  /// The experiment.
  /// - Throws: `DataError` if the data cannot be read.
  package func comparison(_ choices: RecipeOptions) throws -> Comparison {
    switch self {
    case .activations: try .activations(choices)
    case .optimizers: try .optimizers(choices)
    case .clipping: try .clipping(choices)
    case .windows: try .windows(choices)
    }
  }
}
