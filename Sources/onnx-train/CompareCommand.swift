import ArgumentParser
import ONNX
import ONNXPlots
import ToolSupport

/// Trains models that differ in one choice, and draws their courses in one picture.
struct CompareCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Train models that differ in one choice, side by side.",
    discussion: """
      EXPERIMENTS:
        activations  tanh, sigmoid, ReLU and softmax in a multilayer perceptron, and
                     the gradients of its layers; needs pictures
        optimizers   seven optimisers on LeNet-5; needs pictures
        clipping     limits to the gradient norm of an RNN, and its gradients over
                     distance: vanishing and exploding; generates its data
        windows      windows of backpropagation through time of 2 to 40 steps, where
                     a memory of 8 steps is needed; generates its data

      The figures of every step are written beside the picture, as NAME.csv.
      """)

  @Argument(help: "The experiment.")
  var experiment: ComparisonName

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The folder or file with the training data.", valueName: "path"))
  var data: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The picture to write, .png or .svg.", valueName: "picture"))
  var output: String

  @Option(
    parsing: .unconditional,
    help: """
      The number of passes over the training data. (default: 5 for activations, 3 for optimizers, 8 \
      for clipping and windows)
      """)
  var epochs: Int?

  @Option(parsing: .unconditional, help: "The seed of all random numbers.")
  var seed: UInt64 = 1

  @Option(parsing: .unconditional, help: "The number of threads. (default: all CPUs)")
  var threads: Int?

  func validate() throws {
    for (name, value) in [("--epochs", epochs), ("--threads", threads)] {
      if let value, !(1...1_000_000).contains(value) {
        throw ValidationError("\(name): expected at least 1, got \(value)")
      }
    }
    guard [".png", ".svg"].contains(where: output.lowercased().hasSuffix) else {
      throw ValidationError("--output: expected a file named .png or .svg, got '\(output)'")
    }
    if experiment.needsPictures, data == nil {
      throw ValidationError("--data: \(experiment.rawValue) needs pictures, as 'new mlp' does")
    }
    if !experiment.needsPictures, data != nil {
      throw ValidationError("--data: \(experiment.rawValue) generates its data")
    }
  }

  func perform() throws -> ExitStatus {
    try checkKeepsInputs([output, withoutExtension(output) + ".csv"], [data], unless: nil)
    try checkWritable(output)
    let reader = PictureReader()
    var choices = RecipeOptions(decode: { try reader.read($0, $1) })
    (choices.data, choices.seed) = (data, seed)
    var comparison = try experiment.comparison(choices)
    if let epochs { comparison.epochs = epochs }
    for index in comparison.variants.indices {
      comparison.variants[index].options.seed = seed
      comparison.variants[index].options.session.threads = threads
    }
    Interruption.watch(patience: 1)
    var progress = Progress(isLogged: true)
    let courses = try comparison.run { variant, step, count in
      progress.update("\(variant.name): step \(step)/\(count)")
      return !Interruption.isWanted
    }
    progress.clear()
    guard let courses else { return .interrupted }
    let figure = ComparisonFigure(comparison, courses)
    try figure.write(to: output)
    figure.table.lines.forEach { print($0) }
    return .fine
  }
}

extension ComparisonName: ExpressibleByArgument {}
