import ONNXFormat

/// Puts weights into a graph: finds what each place wants, by name, by prefix, by the module that a
/// node comes from, and brings it into the form that the place needs.
struct Binder {
  /// What a place gets.
  struct Assignment {
    /// The weights, as they stand in the file.
    var from: [Int]
    var rule: String
    var shape: [Int]
    /// What the initializer is called where it gets one of its own.
    var name: String
    /// Makes the tensor; the element type is that which the weights have.
    var make: () throws(FormatError) -> Tensor

    /// Equal for places that can share a tensor.
    var key: String { "\(rule) \(from) \(shape)" }
  }

  var graph: Graph
  var table: WeightTable
  let uses: WeightUses
  let options: BindingOptions
  /// Whether the graph was built by this project's layers, whose names are PyTorch's with the
  /// weights of `MatMul` as the standard has them.
  let isOwn: Bool
  var report = BindingReport()
  /// Normalizations that nodes of the graph compute: they are not folded.
  var normalized: Set<String> = []
  /// The number of each recurrent node among those of its module.
  var ordinals: [Int: Int] = [:]

  /// Normalizations that the graph has folded into nodes, and the modules of these.
  var foldedNorms: [Int: (map: String, norm: String)] = [:]
  /// Initializers with a name of their own in each module.
  private(set) var namedByModule: [String: [Int]] = [:]
  /// Initializers with made-up names that one module takes in one role and shape, in the nodes' order.
  private(set) var turns: [Turn: [Int]] = [:]
  struct Turn: Hashable {
    let path: String
    let role: WeightUse.Role
    let shape: [Int]
  }
  /// The node that adds something to a value.
  let sums: [String: Int]

  init(_ model: Model, _ weights: Weights, _ options: BindingOptions) {
    graph = model.graph
    uses = WeightUses(model.graph)
    self.options = options
    var sums: [String: Int] = [:]
    for (index, node) in model.graph.nodes.enumerated() where node.isStandard("Add") {
      for input in node.inputs { sums[input] = index }
    }
    self.sums = sums
    isOwn = model.producerName == "swift-onnx"
    let certain = uses.uses.filter {
      $0.isCertain && ($0.role == .weight || $0.role == .inputWeights)
    }
    let modules = Set(certain.compactMap { Self.paths(of: $0, model.graph).first })
    table = WeightTable(
      weights, expected: Self.expectedNames(model.graph, uses), modules: modules.count,
      prefix: options.prefix)
    if !table.prefix.isEmpty {
      report.rules.append("prefix \(table.prefix.quoted) of the weights left out")
    }
    if !table.graphPrefix.isEmpty {
      report.rules.append("prefix \(table.graphPrefix.quoted) of the graph left out")
    }
    if options.matchesByOrder { report.rules += matchByOrder() }
    countRecurrentNodes()
    findNormalizations()
    findFolded()
    listByModule()
  }

  // MARK: Names

  private static func expectedNames(_ graph: Graph, _ uses: WeightUses) -> Set<String> {
    var names = Set(graph.initializers.compactMap(\.name))
    for use in uses.uses {
      for path in paths(of: use, graph) {
        switch use.role {
        case .inputWeights: names.insert(ModulePath.join(path, "weight_ih_l0"))
        case .stateWeights: names.insert(ModulePath.join(path, "weight_hh_l0"))
        case .gateBiases: names.insert(ModulePath.join(path, "bias_ih_l0"))
        default: names.insert(ModulePath.join(path, use.role.rawValue))
        }
      }
    }
    return names
  }

  /// The modules that a place may belong to: by the name of what it takes, by the node, by the
  /// node's weight.
  static func paths(of use: WeightUse, _ graph: Graph) -> [String] {
    var paths: [String] = []
    func add(_ path: String?) {
      if let path, !paths.contains(path) { paths.append(path) }
    }
    let node = graph.nodes[use.node]
    if let initializer = use.initializer { add(namedPath(graph.initializers[initializer].name)) }
    add(ModulePath.of(node))
    if use.role != .weight, node.inputs.count > 1 { add(namedPath(node.inputs[1])) }
    return paths
  }

  private static func namedPath(_ name: String?) -> String? {
    guard let name, !ModulePath.isMadeUp(name) else { return nil }
    return ModulePath.parent(name)
  }

  /// The modules of a place, the likeliest first.
  func paths(of use: WeightUse) -> [String] {
    var paths = Self.paths(of: use, graph)
    // Exporters merge initializers that were equal: then the node knows better.
    if let initializer = use.initializer, uses.counts[initializer, default: 0] > 1,
      let path = ModulePath.of(graph.nodes[use.node])
    {
      paths.removeAll { $0 == path }
      paths.insert(path, at: 0)
    }
    return paths
  }

  private mutating func countRecurrentNodes() {
    var counts: [String: Int] = [:]
    for use in uses.uses where use.role == .inputWeights {
      guard let path = ModulePath.of(graph.nodes[use.node]) else { continue }
      ordinals[use.node] = counts[path, default: 0]
      counts[path, default: 0] += 1
    }
  }

  private mutating func listByModule() {
    for (index, initializer) in graph.initializers.enumerated() {
      guard let name = initializer.name, !ModulePath.isMadeUp(name) else { continue }
      namedByModule[ModulePath.parent(name), default: []].append(index)
    }
    var seen: [Turn: Set<Int>] = [:]
    for use in uses.uses where use.isCertain {
      guard let place = use.initializer, let path = ModulePath.of(graph.nodes[use.node]),
        ModulePath.isMadeUp(graph.initializers[place].name ?? "")
      else { continue }
      let turn = Turn(path: path, role: use.role, shape: graph.initializers[place].tensor.shape)
      if seen[turn, default: []].insert(place).inserted { turns[turn, default: []].append(place) }
    }
  }

  private mutating func findNormalizations() {
    for use in uses.uses where use.role == .mean {
      for path in paths(of: use) where table.contains(ModulePath.join(path, "running_mean")) {
        normalized.insert(path)
        break
      }
    }
  }

  // MARK: Binding

  mutating func bind() throws(ConversionError) {
    var assignments: [Int: Assignment] = [:]
    for (index, use) in uses.uses.enumerated() {
      assignments[index] = try assignment(for: use) ?? derived(use)
    }
    try checkAbsent(&assignments)
    var byInitializer: [Int: [Int]] = [:]
    for (index, use) in uses.uses.enumerated() {
      if let initializer = use.initializer { byInitializer[initializer, default: []].append(index) }
    }
    for initializer in graph.initializers.indices {
      try replace(initializer, byInitializer[initializer] ?? [], assignments)
    }
    for (index, use) in uses.uses.enumerated() where use.initializer == nil {
      if let assignment = assignments[index] { try add(assignment, to: [use]) }
    }
    try listUnused()
  }

  /// Biases that the graph lacks are added only where the node's weight is bound.
  private func checkAbsent(_ assignments: inout [Int: Assignment]) throws(ConversionError) {
    let bound = Set(
      uses.uses.indices.filter {
        assignments[$0] != nil && uses.uses[$0].role != .bias && uses.uses[$0].role != .gateBiases
      }.map { uses.uses[$0].node })
    for (index, use) in uses.uses.enumerated()
    where use.initializer == nil && !bound.contains(use.node) {
      assignments[index] = nil
    }
  }

  /// Gives one initializer its weight, or several where those who take it want different ones.
  private mutating func replace(
    _ index: Int, _ places: [Int], _ assignments: [Int: Assignment]
  ) throws(ConversionError) {
    let initializer = graph.initializers[index]
    let name = initializer.name ?? ""
    let others = uses.counts[index, default: 0] - places.count
    var groups: [String: [Int]] = [:]
    var order: [String] = []
    for place in places {
      let key = assignments[place]?.key ?? ""
      if groups.updateValue((groups[key] ?? []) + [place], forKey: key) == nil { order.append(key) }
    }
    // What takes it in no known role can only want the weight of its name.
    var own = order.count == 1 && others <= 0 ? places.first.flatMap { assignments[$0] } : nil
    if others > 0 || places.isEmpty { own = exact(name, initializer.tensor.shape) }
    if let own { try put(own, in: index) }
    var isTaken = own != nil || others > 0 || places.isEmpty
    for key in order where key != own?.key {
      let group = groups[key] ?? []
      if let assignment = group.first.flatMap({ assignments[$0] }) {
        try add(assignment, to: group.map { uses.uses[$0] })
      } else {
        isTaken = true
      }
    }
    if own == nil, isTaken {
      let left = groups[""] ?? []
      keep(index, isCertain: left.contains { uses.uses[$0].isCertain })
    }
    if !isTaken { unused.insert(index) }
  }

  /// Initializers that nobody takes any more.
  private var unused: Set<Int> = []

  private mutating func keep(_ index: Int, isCertain: Bool) {
    let initializer = graph.initializers[index]
    let name = initializer.name ?? ""
    let isFloat = initializer.tensor.elementType.isFloatingPoint
    let isWeight =
      isFloat && uses.counts[index, default: 0] > 0
      && (isCertain || !ModulePath.isMadeUp(name) && initializer.tensor.count > 1)
    report.rows.append(
      BindingReport.Row(
        state: isWeight ? .missing : .kept, to: name, from: [],
        rule: isWeight ? "no weight fits" : "constant of the graph",
        shape: initializer.tensor.shape))
  }

  private func tensor(
    _ assignment: Assignment, _ elementType: ElementType
  ) throws(ConversionError) -> (Tensor, note: String) {
    do throws(FormatError) {
      let made = try assignment.make()
      guard made.elementType != elementType else { return (made, "") }
      return (
        try made.converted(to: elementType), ", \(made.elementType) to \(elementType)"
      )
    } catch { throw ConversionError("\(error)") }
  }

  /// Replaces an initializer.
  private mutating func put(_ assignment: Assignment, in index: Int) throws(ConversionError) {
    let old = graph.initializers[index].tensor
    let (tensor, note) = try tensor(assignment, old.elementType)
    graph.initializers[index].tensor = tensor
    record(assignment, to: graph.initializers[index].name ?? "", note)
  }

  /// Adds an initializer and lets nodes take it.
  private mutating func add(
    _ assignment: Assignment, to places: [WeightUse]
  ) throws(ConversionError) {
    let type =
      places.compactMap(\.initializer).first.map { graph.initializers[$0].tensor.elementType }
      ?? places.first.flatMap { weightType(of: $0) }
    let (tensor, note) = try tensor(assignment, type ?? .float32)
    var name = assignment.name
    while uses.places[name] != nil || added.contains(name) { name += "_" }
    added.insert(name)
    graph.initializers.append(NamedTensor(name, tensor))
    for place in places {
      while graph.nodes[place.node].inputs.count <= place.input {
        graph.nodes[place.node].inputs.append("")
      }
      graph.nodes[place.node].inputs[place.input] = name
    }
    record(assignment, to: name, note)
  }

  private var added: Set<String> = []

  /// The element type of the node's weight.
  private func weightType(of use: WeightUse) -> ElementType? {
    let inputs = graph.nodes[use.node].inputs
    guard inputs.count > 1, let place = uses.places[inputs[1]] else { return nil }
    return graph.initializers[place].tensor.elementType
  }

  private mutating func record(_ assignment: Assignment, to name: String, _ note: String) {
    table.claim(assignment.from)
    report.rows.append(
      BindingReport.Row(
        state: .bound, to: name, from: assignment.from.map { table.entry($0).name },
        rule: assignment.rule + note, shape: assignment.shape))
  }

  /// Removes what nobody takes any more.
  mutating func finish() -> (Graph, BindingReport) {
    graph.initializers = graph.initializers.enumerated()
      .filter { !unused.contains($0.offset) }.map(\.element)
    let names = Set(graph.initializers.compactMap(\.name))
    graph.inputs.removeAll { uses.places[$0.name] != nil && !names.contains($0.name) }
    // What an Identity passed on may be gone as well.
    let gone = Set(uses.aliases.filter { !names.contains(graph.nodes[$0].inputs.first ?? "") })
    let nodes = graph.nodes.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
    graph.nodes = nodes
    return (graph, report)
  }
}
