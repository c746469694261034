import ONNXFormat
import ONNXInterpreter

/// Computes a figure of a batch from the model's outputs and the labels. The figure of several batches
/// is the mean, weighted by the number of labels. It may throw any error.
///
/// ```swift
/// options.metrics["largest error"] = { outputs, labels in
///   let pairs = try zip(outputs[0].array(as: Float.self), labels.array(as: Float.self))
///   return Double(pairs.map { abs($0 - $1) }.max() ?? 0)
/// }
/// ```
public typealias Metric =
  @Sendable (_ outputs: ModelOutputs, _ labels: Tensor) throws -> Double

/// The outputs of a model for a batch.
public struct ModelOutputs: Sendable {
  /// The names of the outputs in the order of the model.
  public let names: [String]
  private let tensors: [String: Tensor]

  init(_ names: [String], _ tensors: [String: Tensor]) {
    self.names = names
    self.tensors = tensors
  }

  /// An output by its position.
  /// - Throws: `ModelError.graph` if there is none.
  public subscript(position: Int) -> Tensor {
    get throws(ModelError) {
      guard names.indices.contains(position) else {
        throw .graph("the metric reads output \(position) of a model with \(names.count) outputs")
      }
      return try self[names[position]]
    }
  }

  /// An output by its name.
  /// - Throws: `ModelError.unknownName` if there is none.
  public subscript(name: String) -> Tensor {
    get throws(ModelError) {
      guard let tensor = tensors[name] else {
        throw .unknownName(name, nearest: nearest(name, names))
      }
      return tensor
    }
  }
}

extension [String: Metric] {
  /// Checks that names can be written to a checkpoint, and that there are labels.
  /// - Throws: `TrainingError.model`
  func check(hasLabels: Bool) throws(TrainingError) {
    guard !isEmpty else { return }
    guard hasLabels else { throw .model("metrics compare outputs with labels; the loss has none") }
    for name in keys where name.isEmpty || name.contains(where: { ",=\n".contains($0) }) {
      throw .model("a metric needs a name without commas, '=' and line breaks, got \(name.quoted)")
    }
  }

  /// The figures of a batch by name.
  /// - Throws: `TrainingError.model` if a metric throws.
  func values(
    _ outputs: ModelOutputs, _ labels: Tensor?
  ) throws(TrainingError) -> [String: Double] {
    guard let labels else { return [:] }
    var values: [String: Double] = [:]
    for (name, metric) in self {
      do { values[name] = try metric(outputs, labels) } catch {
        throw .model("metric '\(name)': \(error)")
      }
    }
    return values
  }
}
