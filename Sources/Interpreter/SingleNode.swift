import ONNXFormat
import ONNXOperators

extension Node {
  /// The threads that run single nodes.
  private static let engine: Engine = {
    var options = SessionOptions()
    options.memoryLimit = .max
    return Engine(options)
  }()

  /// Runs the node on these values, in the newest operator set of its domain.
  /// - Returns: a value for each output; `nil` for one without a name
  /// - Throws: `OperatorError` for an invalid node, or values that it does not take
  package func evaluate(_ inputs: [Value?]) throws(OperatorError) -> [Value?] {
    let engine = Self.engine
    let version = engine.registry.newestVersion(of: domain ?? "") ?? 1
    let (operation, types) = try engine.registry.make(self, operatorSet: version)
    if let type = inputs.first??.type.tensorType, !types.contains(type.elementType) {
      throw .input(0, "expected one of \(types), got \(type.elementType)")
    }
    return try operation.evaluate(
      Call(inputs: inputs, pool: engine.pool, context: Run(engine, seed: 0)),
      wanted: outputs.map { !$0.isEmpty })
  }
}
