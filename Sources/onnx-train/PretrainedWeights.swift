import ONNX
import ONNXConversion
import ToolSupport

/// The model with the weights of a checkpoint in place of its own.
/// - Throws: `Failure` if the file is not a checkpoint, or a weight or a place for one is left over
func binding(_ path: String, to model: Model) throws -> Model {
  do {
    let (bound, report) = try model.bound(to: try Weights(contentsOf: path))
    try report.checkComplete()
    printError("\(report.count(.bound)) tensors from '\(path)'")
    return bound
  } catch {
    let text = "\(error)"
    throw text.hasPrefix(path) ? Failure(text) : Failure(path, error)
  }
}
