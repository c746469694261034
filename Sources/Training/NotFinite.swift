import ONNXFormat
import ONNXInterpreter

extension StepModel {
  /// Runs the model again with every value as an output.
  /// - Returns: The first node with an output that is infinite or NaN.
  static func firstNotFinite(
    _ model: Model, _ inputs: [String: Tensor], _ state: CarriedState, seed: UInt64,
    _ options: SessionOptions
  ) throws(TrainingError) -> String? {
    var all = model
    all.graph.outputs = all.graph.nodes.flatMap(\.outputs).filter { !$0.isEmpty }.map {
      ValueInfo($0, nil)
    }
    var options = options
    options.passes = []
    options.exchange = nil
    let copy = CarriedState(state.tensors)
    let values = try TrainingError.wrapping { () throws(ModelError) in
      try Session(all, options: options).run(inputs, state: copy, carried: [:], seed: seed)
    }
    for node in all.graph.nodes {
      for output in node.outputs where values[output]?.isFinite == false {
        return "'\(node.name ?? output)' (\(node.operatorType))"
      }
    }
    return nil
  }
}

extension TrainingError {
  /// The error of a step, with the node that a second run found.
  static func notFinite(step: Int, foundNode node: String?) -> TrainingError {
    .notFinite(step: step, node: node ?? "no node: a second run was finite")
  }
}

extension Tensor {
  /// Whether no element is infinite or NaN.
  fileprivate var isFinite: Bool {
    switch elementType {
    case .float32: elements(as: Float.self).allSatisfy(\.isFinite)
    case .float64: elements(as: Double.self).allSatisfy(\.isFinite)
    default: true
    }
  }
}
