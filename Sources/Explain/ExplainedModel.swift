import ONNXFormat
import ONNXInterpreter
import ONNXText

/// A model with inputs of a run, to look into: the filters of its convolutions, the values of its
/// nodes, and gradients of its outputs.
public struct ExplainedModel: Sendable {
  /// The model.
  public private(set) var model: Model
  /// The inputs of each run, by name.
  public let inputs: [String: Value]
  /// The options of each run.
  public let options: SessionOptions

  /// A model with inputs. Its filters can be explained without inputs.
  public init(
    _ model: Model, inputs: [String: Value] = [:], options: SessionOptions = SessionOptions()
  ) {
    self.model = model
    self.inputs = inputs
    self.options = options
  }

  /// The node with a name or output name, or the first one that `suits`.
  /// - Parameter kind: the kind of nodes that suit, for the error: `convolution`
  func node(
    _ name: String?, _ kind: String, where suits: (Node) -> Bool
  ) throws(ExplainError) -> Node {
    let candidates = model.graph.nodes.filter(suits)
    let node =
      name.map { name in
        candidates.first { $0.name == name || $0.outputs.contains(name) }
      } ?? candidates.first
    guard let node else {
      throw .noNode(kind: kind, name: name, candidates: candidates.map(\.label))
    }
    return node
  }

  /// The tensors with these names in a run: inputs, initializers or outputs of nodes.
  /// - Throws: `ExplainError` if the run fails or a value is not a tensor
  public func tensors(_ names: [String]) throws(ExplainError) -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    var computed: [String] = []
    for name in Set(names) where !name.isEmpty {
      if let value = inputs[name] {
        found[name] = value.tensor
      } else if let constant = model.graph.initializers.first(where: { $0.name == name }) {
        found[name] = constant.tensor
      } else {
        computed.append(name)
      }
    }
    if !computed.isEmpty {
      var copy = model
      copy.graph.outputs = computed.sorted().map { ValueInfo($0, nil) }
      do {
        let outputs = try Session(copy, options: options).run(values: inputs)
        found.merge(outputs.compactMapValues(\.tensor)) { first, _ in first }
      } catch { throw .model(error) }
    }
    for name in names where !name.isEmpty && found[name] == nil {
      throw .unsuitable("'\(name)' is not a tensor")
    }
    return found
  }

  /// The model with a name for the first output of a node that leaves it out, and the node with that
  /// name.
  func withOutput(of node: Node) -> (ExplainedModel, Node) {
    guard node.outputs.first?.isEmpty ?? true,
      let index = model.graph.nodes.firstIndex(where: {
        $0.inputs == node.inputs && $0.outputs == node.outputs
      })
    else { return (self, node) }
    var copy = self
    let name = "\(node.label)_explained_output"
    copy.model.graph.nodes[index].outputs = [name] + node.outputs.dropFirst()
    return (copy, copy.model.graph.nodes[index])
  }

  /// The name of the scores: the first output that is not a state, or the input of the softmax that
  /// computes it.
  func scores() throws(ExplainError) -> String {
    let states = Set(model.graph.inputs.map { stateOutput($0.name) })
    guard var name = model.graph.outputs.first(where: { !states.contains($0.name) })?.name else {
      throw .unsuitable("all outputs of the model are states")
    }
    if let maker = model.graph.nodes.first(where: { $0.outputs.contains(name) }),
      ["Softmax", "LogSoftmax"].contains(maker.operatorType), let input = maker.inputs.first
    {
      name = input
    }
    return name
  }
}

extension Node {
  /// The node's name, or that of its first output.
  var label: String {
    if let name, !name.isEmpty { return name }
    return outputs.first { !$0.isEmpty } ?? operatorType
  }
}
