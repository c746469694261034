import ONNXFormat
import ONNXInterpreter
import ONNXOperators
import ONNXSupport

/// A case whose model draws random numbers.
///
/// The standard prescribes no generator for its random operators, except for a `Dropout` with a seed,
/// which draws as NumPy does. The numbers of another implementation cannot be expected, only their
/// distribution.
struct DrawnCase {
  private let model: Model
  private let options: SessionOptions
  /// The index of the only random node, if it is in the main graph and its distribution is known.
  private let source: Int?

  private static let drawing: Set<String> = [
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
  ]

  /// `nil` for a model that draws nothing.
  init?(_ model: Model, _ options: SessionOptions) {
    let functions = model.functions.flatMap(\.nodes)
    guard (model.graph.nodes + functions).contains(where: Self.draws) else { return nil }
    self.model = model
    self.options = options
    let own = model.graph.nodes.indices.filter { Self.draws(model.graph.nodes[$0]) }
    let node = own.first.map { model.graph.nodes[$0] }
    source =
      own.count == 1 && !functions.contains(where: Self.draws) && node?.hasGraph == false
        && node.flatMap(Quantiles.init) != nil ? own[0] : nil
  }

  private static func draws(_ node: Node) -> Bool {
    if Registry.normalized(domain: node.domain).isEmpty {
      if drawing.contains(node.operatorType) { return true }
      if node.operatorType == "Dropout", node.inputs.count == 3, !node.inputs[2].isEmpty {
        return node.attribute("seed") == nil
      }
    }
    return node.attributes.contains { attribute in
      if case .graph(let graph) = attribute.value {
        graph.nodes.contains(where: draws)
      } else {
        false
      }
    }
  }

  /// The kind of judgement: by distribution where it is known, else by shape.
  var judgement: CaseJudgement { source == nil ? .shape : .distribution }

  /// Checks the types and shapes of the outputs, that a seed determines them, and their distribution.
  /// - Returns: a description of the first wrong output; `nil` where there is none
  /// - Throws: the error that keeps the model from running
  func difference(
    _ inputs: [String: Value], from expected: [String: Value]
  ) throws -> String? {
    let first = try Session(model, options: options).run(values: inputs)
    for (name, wanted) in expected.sorted(by: { $0.key < $1.key }) {
      guard let output = first[name] else { return "output '\(name)' is missing" }
      guard output.type == wanted.type else {
        return "output '\(name)': expected \(wanted.type), got \(output.type)"
      }
    }
    let second = try Session(model, options: options).run(values: inputs)
    for (name, output) in first.sorted(by: { $0.key < $1.key }) {
      let exact = Tolerance(relative: 0, absolute: 0)
      if let difference = ONNXSupport.difference(second[name] ?? output, from: output, exact) {
        return "output '\(name)': another run with the same seed differs: \(difference)"
      }
    }
    guard let source else { return nil }
    return try distributionDifference(source, inputs)
  }

  private func distributionDifference(
    _ source: Int, _ inputs: [String: Value]
  ) throws -> String? {
    guard let quantiles = Quantiles(model.graph.nodes[source]) else { return nil }
    let outcomes = try self.outcomes(source, quantiles, inputs)
    let drawn = try draws(source, inputs)
    for name in outcomes.keys.sorted() {
      if let found = ONNXCases.difference(drawn: drawn[name] ?? [], from: outcomes[name] ?? []) {
        return "output '\(name)': \(found)"
      }
    }
    return nil
  }

  /// The outputs for evenly spaced quantiles of the random node's distribution in place of its draws.
  private func outcomes(
    _ source: Int, _ quantiles: Quantiles, _ inputs: [String: Value]
  ) throws -> [String: [[Double]]] {
    let node = model.graph.nodes[source]
    // The inputs of the node and the type of its output.
    var opened = model
    opened.graph.outputs = (node.inputs + node.outputs).map { ValueInfo($0, nil) }
    let values = try Session(opened, options: options).run(values: inputs)
    guard let result = values[node.outputs[0]]?.tensor else { return [:] }
    let parameters = try node.inputs.first.map { try values[$0].flatMap(doubles) ?? [] } ?? []

    var replaced = withDoubles(model)
    let name = "quantiles of \(node.outputs[0])"
    replaced.graph.nodes[source] = cast(name, to: result.elementType, node.outputs[0])
    replaced.graph.inputs.append(ValueInfo(name, .tensor(.float64, result.shape)))
    let session = try Session(replaced, options: options)
    var lists = Lists()
    let count = 500
    for index in 0..<count {
      let probability = (Double(index) + 0.5) / Double(count)
      let numbers = (0..<result.count).map { place in
        quantiles.number(probability, place < parameters.count ? parameters[place] : 0)
      }
      var values = inputs
      values[name] = .tensor(Tensor(shape: result.shape, numbers))
      lists.append(try session.run(values: values))
    }
    return lists.byName
  }

  /// The outputs of many runs, each with a seed of its own.
  private func draws(
    _ source: Int, _ inputs: [String: Value]
  ) throws -> [String: [[Double]]] {
    var model = withDoubles(self.model)
    let seed = model.graph.nodes[source].attributes.firstIndex { $0.name == "seed" }
    var session = try Session(model, options: options)
    var lists = Lists()
    for index in 0..<500 {
      if let seed {
        model.graph.nodes[source].attributes[seed].value = .float(Float(index * 7919))
        session = try Session(model, options: options)
      }
      lists.append(try session.run(values: inputs))
    }
    return lists.byName
  }

  /// The suffix of outputs that are converted to float64.
  fileprivate static let suffix = " as float64"

  /// The model with its outputs converted to float64.
  private func withDoubles(_ model: Model) -> Model {
    var model = model
    for (index, output) in model.graph.outputs.enumerated() {
      let name = output.name + Self.suffix
      model.graph.nodes.append(cast(output.name, to: .float64, name))
      model.graph.outputs[index] = ValueInfo(name, nil)
    }
    return model
  }

  private func cast(_ input: String, to type: ElementType, _ output: String) -> Node {
    var node = Node(
      "Cast", inputs: [input], outputs: [output], attributes: [.int("to", Int(type.rawValue))])
    node.operatorSetVersion = 13
    return node
  }

  private func doubles(_ value: Value) throws -> [Double]? {
    let model = Model(
      graph: Graph(
        nodes: [cast("x", to: .float64, "y")], inputs: [ValueInfo("x", nil)],
        outputs: [ValueInfo("y", nil)]), operatorSets: [OperatorSetImport(version: 13)])
    let output = try Session(model, options: options).run(values: ["x": value])["y"]
    return try output?.tensor?.array()
  }
}

/// The values of each element of each output over several runs.
private struct Lists {
  private(set) var byName: [String: [[Double]]] = [:]

  mutating func append(_ outputs: [String: Value]) {
    for (name, value) in outputs {
      guard let tensor = value.tensor, tensor.elementType == .float64 else { continue }
      let name = String(name.dropLast(DrawnCase.suffix.count))
      let elements = tensor.elements(as: Double.self)
      var lists = byName[name] ?? Array(repeating: [], count: tensor.count)
      for index in lists.indices where index < elements.count {
        lists[index].append(elements[index])
      }
      byName[name] = lists
    }
  }
}

/// The quantile function of a random operator's distribution.
private enum Quantiles {
  case bernoulli
  case uniform(low: Double, high: Double)
  case normal(mean: Double, scale: Double)

  /// `nil` for an operator with another distribution.
  init?(_ node: Node) {
    func parameter(_ name: String, _ standard: Double) -> Double {
      if case .float(let value)? = node.attribute(name)?.value { Double(value) } else { standard }
    }
    switch node.operatorType {
    case "Bernoulli": self = .bernoulli
    case "RandomUniform", "RandomUniformLike":
      self = .uniform(low: parameter("low", 0), high: parameter("high", 1))
    case "RandomNormal", "RandomNormalLike":
      self = .normal(mean: parameter("mean", 0), scale: parameter("scale", 1))
    default: return nil
    }
  }

  /// The quantile of a probability.
  /// - Parameter parameter: the element of the node's input, the mean of a Bernoulli draw
  func number(_ probability: Double, _ parameter: Double) -> Double {
    switch self {
    case .bernoulli: probability < 1 - parameter ? 0 : 1
    case .uniform(let low, let high): low + (high - low) * probability
    case .normal(let mean, let scale): mean + scale * normalQuantile(probability)
    }
  }
}

extension Node {
  fileprivate var hasGraph: Bool {
    attributes.contains { if case .graph = $0.value { true } else { false } }
  }
}
