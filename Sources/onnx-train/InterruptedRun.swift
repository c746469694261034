import ONNX
import ToolSupport

/// What an interrupted run leaves.
extension TrainingRun {
  /// Writes the model so far and a checkpoint beside the output, unless there is a checkpoint already,
  /// and says how to continue.
  func writeInterrupted(_ loop: TrainingLoop) throws {
    let count = loop.trainer.batchCount
    let batches = count == 1 ? "1 batch" : "\(count) batches"
    if let path = arguments.checkpoint {
      printError("interrupted after \(batches); continue from '\(path)' with --resume")
      return
    }
    let (model, checkpoint) = (arguments.interruptedModel, arguments.interruptedCheckpoint)
    if isFirst {
      do { try recipe.result(loop.model).write(to: model) } catch { throw Failure("\(error)") }
    }
    try loop.writeCheckpoint(to: checkpoint)
    printError("interrupted after \(batches)")
    printError("the model so far: \(model)")
    printError("to continue, add: --checkpoint \(checkpoint) --resume")
    if !isPretraining, isFirst { try writeCurves(loop.progress.history) }
  }

  /// Writes the loss of each step. A resumed run continues the rows of the run before.
  /// - Parameter first: the number of the first step
  func write(_ losses: [Double], from first: Int) throws {
    guard let stepLosses else { return }
    var lines = ["step,loss"]
    if first > 0, fileExists(stepLosses) {
      lines += try readText(stepLosses).split(separator: "\n").map(String.init).filter { line in
        line.split(separator: ",").first.flatMap { Int($0) }.map { $0 < first } ?? false
      }
    }
    lines += losses.enumerated().map { "\(first + $0),\($1)" }
    try writeText(lines.map { $0 + "\n" }.joined(), to: stepLosses)
  }
}

/// The classes of the model and of the data.
extension TrainingRun {
  /// The number of classes in the data, where it is known.
  private var dataClassCount: Int? {
    let ignored = recipe.options.ignoredLabel
    let labels = recipe.labels.lazy.flatMap(\.labels).filter { $0 != ignored }
    return recipe.classNames?.count ?? labels.max().map { Int(clamping: $0) + 1 }
  }

  /// Says that a new head would fit data with fewer classes than the model.
  /// - Throws: `Failure` if all labels are ignored
  func checkClasses(_ trainer: Trainer) throws {
    let ignored = recipe.options.ignoredLabel
    if let training = recipe.labels.first?.labels, training.allSatisfy({ $0 == ignored }),
      !training.isEmpty
    {
      throw nothingCounted
    }
    guard hintsHead, let outputs = trainer.classCount, let classes = dataClassCount,
      (1..<outputs).contains(classes)
    else { return }
    printError(
      "the model has \(outputs) classes, the data \(classes); --replace-head \(classes) makes a new "
        + "last layer for them")
  }

  /// The error for data without a label to learn.
  var nothingCounted: Failure {
    Failure("all labels of the training data are \(recipe.options.ignoredLabel), which is ignored")
  }

  /// Calls `body`, and names the options that help in an error about a label.
  func naming<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as TrainingError {
      guard case .label(let label, _, let classCount, _) = error else { throw error }
      var hint = "tune --ignore-label \(label) leaves out such labels"
      if hintsHead, label >= classCount, let classes = dataClassCount {
        hint += ", --replace-head \(classes) makes a last layer for \(classes) classes"
      }
      throw Failure("\(error); \(hint)")
    }
  }
}
