import ONNX

/// Everything that makes a training: the model, the data, and how.
struct Recipe {
  var model: Model
  var options = TrainingOptions()
  var settings = TrainingSettings()
  var training: any BatchSource
  var validation: (any BatchSource)?
  /// What the last line is about; `nil` where that is the validation data.
  var test: (any BatchSource)?
  var measure: Measure
  /// The accuracy that the last line says, where it is more than that of single labels.
  var judge: ((Model) throws -> Double)?
  /// Writes what else the model is judged by, such as a picture beside the file; returns lines for
  /// standard error.
  var finish: ((Model, _ output: String) throws -> [String])?

  /// What of a result the last line says.
  enum Measure {
    case accuracy, loss, perplexity
  }

  /// The last line on standard output.
  func summary(_ result: StepResult) -> String {
    let data = test == nil ? "validation" : "test"
    switch measure {
    case .accuracy: return "\(data) accuracy \(fixed(result.accuracy ?? 0, 4))"
    case .loss: return "\(data) loss \(fixed(result.loss, 6))"
    case .perplexity: return "\(data) loss \(fixed(result.loss, 4)) \(perplexity(result.loss))"
    }
  }

  /// A result in the progress line.
  func brief(_ result: StepResult) -> String {
    switch measure {
    case .accuracy: "loss \(fixed(result.loss, 4))  accuracy \(fixed(result.accuracy ?? 0, 4))"
    case .loss: "loss \(fixed(result.loss, 6))"
    case .perplexity: "loss \(fixed(result.loss, 4))  \(perplexity(result.loss))"
    }
  }

  private func perplexity(_ loss: Double) -> String {
    "perplexity \(fixed(.exp(loss), 2))"
  }
}
