import ONNXFormat

/// An input of a node that takes a weight.
struct WeightUse {
  enum Role: String {
    case weight, bias
    case mean = "running_mean"
    case variance = "running_var"
    case inputWeights, stateWeights, gateBiases
    /// Of an operator that no layer of PyTorch stands for.
    case other
  }

  let node: Int
  let input: Int
  let role: Role
  /// The initializer it takes now; `nil` where the optional input is left out.
  let initializer: Int?
  /// Whether only a weight makes sense here. What is added or multiplied can be any constant.
  let isCertain: Bool
}

/// The weights of a graph and who takes them.
struct WeightUses {
  private(set) var uses: [WeightUse] = []
  /// How often each initializer is taken, roles or not.
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
    guard node.hasStandardDomain else { return }
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
    /// Adds a place; one that is left out only where a bias may stand.
    func place(_ input: Int, _ role: WeightUse.Role, isCertain: Bool = true) {
      let name = input < node.inputs.count ? node.inputs[input] : ""
      let initializer = places[name]
      guard initializer != nil || name.isEmpty && (role == .bias || role == .gateBiases) else {
        return
      }
      uses.append(
        WeightUse(
          node: index, input: input, role: role, initializer: initializer, isCertain: isCertain))
    }
    switch node.operatorType {
    case "Conv", "ConvTranspose", "Gemm", "LayerNormalization":
      place(1, .weight)
      place(2, .bias)
    case "InstanceNormalization", "GroupNormalization":
      place(1, .weight, isCertain: false)
      place(2, .bias, isCertain: false)
    case "BatchNormalization":
      for (input, role) in [WeightUse.Role.weight, .bias, .mean, .variance].enumerated() {
        place(input + 1, role)
      }
    case "RNN", "LSTM", "GRU":
      place(1, .inputWeights)
      place(2, .stateWeights)
      place(3, .gateBiases)
    case "MatMul":
      place(0, .weight)
      place(1, .weight)
    case "PRelu", "RMSNormalization": place(1, .weight)
    case "Gather": place(0, .weight, isCertain: false)
    case "Mul":
      place(0, .weight, isCertain: false)
      place(1, .weight, isCertain: false)
    case "Add":
      for input in 0..<2 where input < node.inputs.count && places[node.inputs[input]] != nil {
        place(input, .bias, isCertain: false)
      }
    default: return
    }
  }
}

extension Node {
  var hasStandardDomain: Bool { domain == nil || domain == "" || domain == "ai.onnx" }

  func isStandard(_ type: String) -> Bool { operatorType == type && hasStandardDomain }

  /// An integer attribute, or what stands for it where it is left out.
  func int(_ name: String, default value: Int) -> Int {
    if case .int(let number)? = attribute(name)?.value { return Int(truncatingIfNeeded: number) }
    return value
  }
}
