import ONNXFormat
import ONNXOperators
import ONNXOps

/// A model's graph in the form that training takes: functions expanded, weights that nodes make of
/// constants turned into initializers, and operators that have one in training mode.
public struct TrainingForm: Sendable {
  public var model: Model
  /// Initializers that a step changes besides the parameters, such as a running mean, and the
  /// output that replaces each.
  public let updates: [(initializer: String, output: String)]

  /// - Parameter model: a model as it is run
  /// - Throws: `ModelError` for a model that would not run.
  public init(_ model: Model, options: SessionOptions = .init()) throws(ModelError) {
    var form = try model.withWeightsAsInitializers(options: options)
    let sets = try OperatorSets(form.operatorSets)
    var builder = GraphBuilder(taken: form.graph.allNames)
    var updates: [(initializer: String, output: String)] = []
    let used = Set(form.graph.outputs.map(\.name) + form.graph.nodes.flatMap(\.usedNames))
    for index in form.graph.nodes.indices {
      var node = form.graph.nodes[index]
      // An output that nobody uses, such as an old Dropout's mask, need not exist in training.
      while node.outputs.count > 1, let last = node.outputs.last, !used.contains(last) {
        node.outputs.removeLast()
      }
      let fail: (OperatorError) -> ModelError = {
        .node(name: node.name ?? "#\(index)", operatorType: node.operatorType, $0)
      }
      let version = try sets.version(for: node, fail)
      do throws(OperatorError) {
        let made = try Registry.standard.make(node, operatorSet: version).operator
        guard let modal = made as? any ModalOperator else { continue }
        let mode = try modal.trainingMode(node, &builder)
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
  /// The model with functions expanded and what `Constant`, `ConstantOfShape` and their like make
  /// of constants among the initializers, where it is of floating point: weights, in some files.
  /// - Throws: `ModelError` for a model that would not run.
  public func withWeightsAsInitializers(
    options: SessionOptions = .init()
  ) throws(ModelError) -> Model {
    var model = self
    model.graph = try expandFunctions(self, maxNodes: options.maxNodes)
    model.functions = []
    let engine = Engine(options)
    let sets = try OperatorSets(operatorSets)
    let inputs = Set(model.graph.inputs.map(\.name))
    let kept = Set(
      model.graph.initializers.compactMap { initializer -> String? in
        guard let name = initializer.name else { return nil }
        return inputs.contains(name) || initializer.tensor.elementType.isReal ? name : nil
      })
    foldConstants(&model.graph, sets, engine, keeping: kept)
    return model
  }
}

extension ElementType {
  /// Whether gradients exist of such elements.
  var isReal: Bool { [.float32, .float64, .float16, .bfloat16].contains(self) }
}

extension Graph {
  /// Every name of the graph and of its graph attributes.
  public var allNames: Set<String> {
    var names = Set((inputs + outputs).map(\.name))
    names.formUnion(initializers.compactMap(\.name))
    names.formUnion(sparseInitializers.compactMap(\.values.name))
    for node in nodes {
      names.formUnion(node.usedNames)
      names.formUnion(node.outputs)
    }
    return names
  }
}
