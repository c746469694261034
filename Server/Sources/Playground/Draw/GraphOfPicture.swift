import ONNX
import ONNXExplain

/// The graph of a model for one picture, with the values of all its steps as outputs.
struct GraphOfPicture {
  /// The model that computes the values.
  private(set) var model: Model
  /// The names of the classes; none for a model without scores.
  private(set) var classes: [String] = []
  /// The steps. The first is the picture.
  private(set) var steps: [PictureStep] = []

  /// The most classes.
  private static let maxClasses = 1000

  /// Finds the steps of a model.
  /// - Parameters:
  ///   - input: the name of the picture
  ///   - shape: its shape, `[C, H, W]`
  /// - Throws: `ModelError` for a graph that does not fit the picture
  init(_ model: Model, input: String, shape: [Int]) throws(ModelError) {
    self.model = model
    let picture = ValueType.tensor(.float32, [1] + shape)
    // Names that are unique, to find nodes by.
    var names: [String: String] = [:]
    for (index, node) in model.graph.nodes.enumerated() {
      guard let output = node.outputs.first else { continue }
      if let name = node.name, !name.isEmpty { names[output] = name }
      self.model.graph.nodes[index].name = output
    }
    var plain = PictureModel.options
    plain.passes = []
    var types = try Session(self.model, options: plain).types(shapes: [input: [1] + shape])
    let isAdded = addSoftmax(&types)
    var windows: [String: [WindowAxis]] = [:]
    for layer in LayerSizes(self.model, types: types).layers { windows[layer.name] = layer.windows }
    steps =
      PictureSteps(
        self.model.graph, names: names, input: input, types: types, constants: try constants(),
        windows: windows
      ).steps
    if isAdded, let last = steps.indices.last { steps[last].isAdded = true }
    self.model.graph.outputs = steps.dropFirst().map { ValueInfo($0.output, nil) }
    for index in model.graph.inputs.indices where model.graph.inputs[index].name == input {
      self.model.graph.inputs[index].type = picture
    }
  }

  /// Adds the softmax that turns the scores of a classifier into probabilities.
  /// - Returns: whether the model lacked it
  private mutating func addSoftmax(_ types: inout [String: ValueType]) -> Bool {
    guard let output = model.graph.outputs.first?.name, let type = types[output],
      let sizes = type.tensorType?.shape?.sizes, type.tensorType?.elementType == .float32,
      sizes.count == 2, sizes[0] == 1, (2...Self.maxClasses).contains(sizes[1])
    else { return false }
    let stated = ClassNames.stated(in: model.metadata)
    classes = (0..<sizes[1]).map { $0 < stated.count ? stated[$0] : "\($0)" }
    let maker = model.graph.nodes.first { $0.outputs.first == output }
    guard maker?.operatorType != "Softmax" else { return false }
    var name = "probabilities"
    while types[name] != nil { name += "_" }
    model.graph.nodes.append(
      Node("Softmax", name: name, inputs: [output], outputs: [name], attributes: [.int("axis", 1)]))
    types[name] = type
    return true
  }

  /// The values that do not depend on the picture.
  private func constants() throws(ModelError) -> [String: Tensor] {
    var constants: [String: Tensor] = [:]
    for entry in model.graph.initializers {
      if let name = entry.name { constants[name] = entry.tensor }
    }
    var known = Set(constants.keys)
    var fixed = model
    fixed.graph.inputs = []
    fixed.graph.nodes = model.graph.nodes.filter { node in
      guard node.isStandard, !node.operatorType.hasPrefix("Random"),
        !node.attributes.contains(where: \.isGraph),
        node.inputs.allSatisfy({ $0.isEmpty || known.contains($0) })
      else { return false }
      known.formUnion(node.outputs)
      return true
    }
    guard !fixed.graph.nodes.isEmpty else { return constants }
    fixed.graph.outputs = fixed.graph.nodes.compactMap { node in
      node.outputs.first.map { ValueInfo($0, nil) }
    }
    let computed = try Session(fixed, options: PictureModel.options).run([:] as [String: Tensor])
    return constants.merging(computed) { first, _ in first }
  }
}

extension Attribute {
  fileprivate var isGraph: Bool {
    switch value {
    case .graph, .graphs: true
    default: false
    }
  }
}
