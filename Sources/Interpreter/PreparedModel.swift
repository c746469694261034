import ONNXFormat
import ONNXOperators

/// A model checked and optimised.
struct PreparedModel: Sendable {
  let program: Program
  /// The effect of each pass.
  let reports: [PassReport]
  /// Makes the program in which these initializers are inputs; `nil` where none may be.
  let rebuild: (@Sendable (Set<String>) throws(ModelError) -> Program)?

  /// - Parameters:
  ///   - initializers: the names of the model's initializers
  ///   - ownership: the initializers that only the session holds
  ///   - isFinal: whether no initializer may be replaced
  init(
    _ model: Model, _ initializers: Set<String>, ownership: Ownership?, isFinal: Bool,
    _ engine: Engine
  ) throws(ModelError) {
    let options = engine.options
    let operatorSets = try OperatorSets(model.operatorSets)
    // All missing operators are named before any other error of the graph.
    try model.checkOperators(engine.registry) { node in
      options.expansions.contains { $0.mayReplace(node) }
    }
    var changed = model
    let expansions: [any Pass] = [FunctionInlining()] + options.expansions
    var reports = try expansions.apply(
      to: &changed, PassContext(operatorSets: operatorSets, engine: engine))
    let expanded = changed
    // Subgraphs made of one function's body share its constants.
    let owned = expanded.graph.nodes.allSatisfy { !$0.hasSubgraph } ? ownership : nil

    @Sendable func build(
      _ overridden: Set<String>, _ passes: [any Pass], types: [String: ValueType] = [:]
    ) throws(ModelError) -> (program: Program, reports: [PassReport]) {
      var model = expanded
      model.graph.inputs.removeAll {
        initializers.contains($0.name) && !overridden.contains($0.name)
      }
      model.graph.initializers.removeAll { overridden.contains($0.name ?? "") }
      model.graph.sparseInitializers.removeAll { overridden.contains($0.values.name ?? "") }
      let reports = try passes.apply(
        to: &model,
        PassContext(types: types, operatorSets: operatorSets, engine: engine, ownership: owned))
      try passes.applyToSubgraphs(
        of: &model.graph,
        PassContext(types: types, operatorSets: operatorSets, engine: engine))
      let program = try Program(
        model.graph, operatorSets: operatorSets, engine: engine, ownership: owned)
      return (program, reports)
    }
    // Checked before any pass could remove an error.
    let checked = try build([], []).program
    let inference = try Inference(
      checked, inputs: checked.inputTypes, engine: engine, lenient: false)
    let types = inference.types(of: checked)
    if options.passes.isEmpty {
      program = checked
    } else {
      let optimized = try build([], options.passes, types: types)
      program = optimized.program
      reports += optimized.reports
    }
    self.reports = reports
    guard !isFinal else {
      // The closure would keep the model as it was before the passes.
      rebuild = nil
      return
    }
    rebuild = { overridden throws(ModelError) in
      try build(overridden, options.passes, types: types).program
    }
  }
}
