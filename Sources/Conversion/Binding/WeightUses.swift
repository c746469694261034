import ONNX
import ONNXOperators

/// An input of a node that takes a weight.
struct WeightUse {
  /// The raw values are the names of parameters in PyTorch's modules.
  enum Role: String {
    case weight, bias
    case mean = "running_mean"
    case variance = "running_var"
    case inputWeights, stateWeights, gateBiases
    /// Not a parameter of a layer.
    case other

    /// The name of the parameter in its module; `nil` for what is not a parameter.
    var leaf: String? {
      switch self {
      case .weight, .bias, .mean, .variance: rawValue
      case .inputWeights: "weight_ih_l0"
      case .stateWeights: "weight_hh_l0"
      case .gateBiases: "bias_ih_l0"
      case .other: nil
      }
    }

    init(_ role: ParameterInput.Role) {
      switch role {
      case .weight: self = .weight
      case .bias: self = .bias
      case .mean: self = .mean
      case .variance: self = .variance
      case .inputWeights: self = .inputWeights
      case .stateWeights: self = .stateWeights
      case .gateBiases: self = .gateBiases
      }
    }
  }

  let node: Int
  let input: Int
  let role: Role
  /// The initializer in use; `nil` where the optional input is left out.
  let initializer: Int?
  /// Whether the input takes parameters only. Arithmetic takes other constants too.
  let isCertain: Bool
}

/// The weights of a graph and the nodes that take them.
struct WeightUses {
  private(set) var uses: [WeightUse] = []
  /// The number of uses of each initializer, in any role.
  private(set) var counts: [Int: Int] = [:]
  private let places: [String: Int]

  init(_ graph: FlatGraph) {
    places = graph.places
    for output in graph.outputs { count(output) }
    for (index, node) in graph.nodes.enumerated() where !graph.order.passing.contains(index) {
      for name in node.inputs { count(name) }
      add(index, node)
    }
  }

  private mutating func count(_ name: String) {
    if let place = places[name] { counts[place, default: 0] += 1 }
  }

  private mutating func add(_ index: Int, _ node: Node) {
    let parameters = node.facts?.parameters ?? []
    guard node.hasStandardDomain || !parameters.isEmpty else { return }
    let first = uses.count
    defer {
      let known = Set(uses[first...].map(\.input))
      for (input, name) in node.inputs.enumerated() where !known.contains(input) {
        guard let initializer = places[name] else { continue }
        uses.append(
          WeightUse(
            node: index, input: input, role: .other, initializer: initializer, isCertain: false))
      }
    }
    /// Adds a place. An input that is left out is one only if it takes a bias.
    func place(_ input: Int, _ role: WeightUse.Role, isCertain: Bool) {
      let name = input < node.inputs.count ? node.inputs[input] : ""
      let initializer = places[name]
      guard
        initializer != nil
          || name.isEmpty && isCertain && (role == .bias || role == .gateBiases)
      else { return }
      uses.append(
        WeightUse(
          node: index, input: input, role: role, initializer: initializer, isCertain: isCertain))
    }
    for parameter in parameters {
      place(parameter.input, WeightUse.Role(parameter.role), isCertain: parameter.isCertain)
    }
  }
}

extension Node {
  var hasStandardDomain: Bool { domain == nil || domain == "" || domain == "ai.onnx" }

  func isStandard(_ type: String) -> Bool { operatorType == type && hasStandardDomain }
}
