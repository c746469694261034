import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// A model in the form that training takes: functions expanded, weights that nodes compute from
/// constants turned into initializers, and operators in their training mode where they have one.
public struct TrainingForm: Sendable {
  /// The model in that form.
  public var model: Model
  /// Initializers that a training step changes besides the parameters, such as a running mean, and
  /// the output that replaces each.
  public let updates: [(initializer: String, output: String)]

  /// Brings a model into the form.
  /// - Parameter isFixed: Whether training leaves an initializer as it is. A normalization with running
  ///   statistics whose other initializers are all fixed stays in inference mode.
  /// - Throws: `ModelError` for an invalid model.
  public init(
    _ model: Model, fixed isFixed: (String) -> Bool = { _ in false },
    options: SessionOptions = .init()
  ) throws(ModelError) {
    var form = try model.withWeightsAsInitializers(options: options)
    let sets = try OperatorSets(form.operatorSets)
    let registry = Registry.standard.adding(options.operators)
    var builder = GraphBuilder(taken: form.graph.allNames)
    var updates: [(initializer: String, output: String)] = []
    let stated = Set(form.graph.initializers.compactMap(\.name))
    let used = Set(form.graph.outputs.map(\.name) + form.graph.nodes.flatMap(\.usedNames))
    for index in form.graph.nodes.indices {
      var node = form.graph.nodes[index]
      // Unused outputs, such as the mask of an old Dropout, are left out in training.
      while node.outputs.count > 1, let last = node.outputs.last, !used.contains(last) {
        node.outputs.removeLast()
      }
      let fail: (OperatorError) -> ModelError = {
        .node(name: node.label(at: index), operatorType: node.operatorType, $0)
      }
      let version = try sets.version(for: node, fail)
      do throws(OperatorError) {
        let made = try registry.make(node, operatorSet: version).operator
        guard let modal = made as? any ModalOperator else { continue }
        let mode = try modal.trainingMode(node, &builder)
        let changing = Set(mode.updates.map(\.initializer))
        let others = node.inputs.filter { stated.contains($0) && !changing.contains($0) }
        if !changing.isEmpty, !others.isEmpty, others.allSatisfy(isFixed) { continue }
        form.graph.nodes[index] = mode.node
        updates += mode.updates
      } catch { throw fail(error) }
    }
    form.graph.nodes += builder.nodes
    form.graph.initializers += builder.initializers
    self.model = form
    self.updates = updates
  }
}

extension Model {
  /// The model with functions expanded, and with floating-point tensors that nodes such as `Constant`
  /// and `ConstantOfShape` make of constants among the initializers. Some files keep weights so.
  /// - Throws: `ModelError` for an invalid model.
  public func withWeightsAsInitializers(
    options: SessionOptions = .init()
  ) throws(ModelError) -> Model {
    var model = self
    let engine = Engine(options)
    model.graph = try expandFunctions(self, engine)
    model.importDomainsOfFunctions()
    model.functions = []
    let sets = try OperatorSets(operatorSets)
    let inputs = Set(model.graph.inputs.map(\.name))
    let kept = Set(
      model.graph.initializers.compactMap { initializer -> String? in
        guard let name = initializer.name else { return nil }
        return inputs.contains(name) || initializer.tensor.elementType.isReal ? name : nil
      })
    ConstantFolding(keeping: kept).fold(&model.graph, sets, engine)
    return model
  }
}

extension ElementType {
  /// Whether the elements are of floating point, and so have gradients.
  var isReal: Bool { [.float32, .float64, .float16, .bfloat16].contains(self) }
}
