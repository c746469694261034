import ONNXFormat

/// Binds weights to a graph: finds the weight for each place by name, by prefix and by the module that
/// a node comes from, and brings it into the form that the place needs.
struct Binder {
  /// The tensor for a place.
  struct Assignment {
    /// The indices of its weights in the table.
    var from: [Int]
    var rule: String
    var shape: [Int]
    /// The name of the initializer, if a new one is needed.
    var name: String
    /// The element type of the tensor that `make` returns.
    var elementType: ElementType
    var make: () throws(FormatError) -> Tensor

    /// The same for places that can share a tensor.
    var key: String { "\(rule) \(from) \(shape)" }
  }

  let graph: FlatGraph
  var table: WeightTable
  let uses: WeightUses
  let options: BindingOptions
  /// Whether the graph was built by this package's layers, which have PyTorch's names with the
  /// weights of `MatMul` in the standard's layout.
  let isOwn: Bool
  var report = BindingReport()
  /// Modules of normalizations that are nodes of the graph, and so are not folded.
  var normalized: Set<String> = []
  /// The index of each recurrent node among those of its module.
  var ordinals: [Int: Int] = [:]
  /// By node, the modules of a linear map and of the normalization that the graph has folded into it.
  var foldedNorms: [Int: (map: String, norm: String)] = [:]
  /// Initializers of each module whose names were not generated.
  var namedByModule: [String: [Int]] = [:]
  /// The modules of all nodes.
  var scopes: Set<String> = []
  /// The modules in which a constant is added.
  var addingScopes: Set<String> = []
  /// Initializers with generated names that a module takes in one role and shape, in the nodes'
  /// order.
  var turns: [Turn: [Int]] = [:]
  struct Turn: Hashable {
    let path: String
    let role: WeightUse.Role
    let shape: [Int]
  }
  /// The node that adds to a value, by the value's name.
  let sums: [String: Int]

  private var changes: FlatChanges
  private var added: Set<String> = []
  /// Rows of the report with constants that may be weights.
  private var doubtful: [Int] = []

  init(_ model: Model, _ weights: Weights, _ options: BindingOptions) {
    graph = FlatGraph(model)
    uses = WeightUses(graph)
    changes = FlatChanges(graph.order)
    self.options = options
    var sums: [String: Int] = [:]
    for (index, node) in graph.nodes.enumerated() where node.isStandard("Add") {
      for input in node.inputs { sums[input] = index }
    }
    self.sums = sums
    isOwn = model.producerName == "swift-onnx"
    table = Self.table(of: weights, for: graph, uses, options)
    if !table.prefix.isEmpty {
      report.rules.append("the weights' prefix \(table.prefix.quoted) is ignored")
    }
    if !table.graphPrefix.isEmpty {
      report.rules.append("the graph's prefix \(table.graphPrefix.quoted) is ignored")
    }
    report.rules += matchScopes()
    if options.matchesByOrder { report.rules += matchByOrder() }
    countRecurrentNodes()
    findNormalizations()
    findFolded()
    listByModule()
  }

  /// Finds a weight for each place.
  /// - Returns: the changes to the model, and a report of them
  /// - Throws: `ConversionError` where a weight cannot be read or cannot be converted
  mutating func bind() throws(ConversionError) -> (changes: FlatChanges, report: BindingReport) {
    var assignments: [Int: Assignment] = [:]
    for (index, use) in uses.uses.enumerated() {
      assignments[index] = try assignment(for: use) ?? derived(use)
    }
    checkAbsent(&assignments)
    assignRest(&assignments)
    var byInitializer: [Int: [Int]] = [:]
    for (index, use) in uses.uses.enumerated() {
      if let initializer = use.initializer { byInitializer[initializer, default: []].append(index) }
    }
    for initializer in graph.initializers.indices {
      replace(initializer, byInitializer[initializer] ?? [], assignments)
    }
    for (index, use) in uses.uses.enumerated() where use.initializer == nil {
      if let assignment = assignments[index] { add(assignment, to: [use]) }
    }
    keepOrigins()
    try listUnused()
    // They are constants if every weight has found a place.
    if report.count(.unused) == 0, report.count(.mismatched) == 0 {
      for row in doubtful {
        (report.rows[row].state, report.rows[row].rule) = (.kept, Self.constantRule)
      }
    }
    return (changes, report)
  }

  /// Removes biases that the graph lacks where the weight of the node is not bound.
  private func checkAbsent(_ assignments: inout [Int: Assignment]) {
    let bound = Set(
      uses.uses.indices.filter {
        assignments[$0] != nil && uses.uses[$0].role != .bias && uses.uses[$0].role != .gateBiases
      }.map { uses.uses[$0].node })
    for (index, use) in uses.uses.enumerated()
    where use.initializer == nil && !bound.contains(use.node) {
      assignments[index] = nil
    }
  }

  /// Binds one initializer, or splits it where its users need different weights.
  private mutating func replace(
    _ index: Int, _ places: [Int], _ assignments: [Int: Assignment]
  ) {
    let initializer = graph.initializers[index]
    let name = initializer.name ?? ""
    let others = uses.counts[index, default: 0] - places.count
    var groups: [String: [Int]] = [:]
    var order: [String] = []
    for place in places {
      let key = assignments[place]?.key ?? ""
      if groups.updateValue((groups[key] ?? []) + [place], forKey: key) == nil { order.append(key) }
    }
    // A use without a known role can only take the weight of the same name.
    var own = order.count == 1 && others <= 0 ? places.first.flatMap { assignments[$0] } : nil
    if others > 0 || places.isEmpty { own = exact(name, initializer.tensor.shape) }
    if let own { put(own, in: index) }
    var isTaken = own != nil || others > 0 || places.isEmpty
    for key in order where key != own?.key {
      let group = groups[key] ?? []
      if let assignment = group.first.flatMap({ assignments[$0] }) {
        add(assignment, to: group.map { uses.uses[$0] })
      } else {
        isTaken = true
      }
    }
    if own == nil, isTaken {
      let left = groups[""] ?? []
      let isCertain = left.contains { uses.uses[$0].isCertain && !isConstant(uses.uses[$0]) }
      keep(index, left, isCertain: isCertain, isShared: order.count > 1)
    }
    if !isTaken { changes.unused.insert(index) }
  }

  private mutating func keep(
    _ index: Int, _ places: [Int], isCertain: Bool, isShared: Bool
  ) {
    let initializer = graph.initializers[index]
    let name = initializer.name ?? ""
    let isFloat = initializer.tensor.elementType.isFloatingPoint
    let isWeight =
      isFloat && uses.counts[index, default: 0] > 0
      && (isCertain
        || !isShared && !ModulePath.isMadeUp(name) && initializer.tensor.count > 1
          && !isNode(index))
    if isFloat, let weight = mismatch(index, places) {
      table.claim([weight])
      report.rows.append(
        BindingReport.Row(
          state: .mismatched, to: name, from: [table.entry(weight).name],
          rule: "\(table.entry(weight).shape) against \(initializer.tensor.shape)",
          shape: initializer.tensor.shape))
      return
    }
    if !isWeight, isNode(index) { return }
    // Exporters name computed constants like parameters of the outermost module.
    if isWeight, !isCertain, !name.contains(".") { doubtful.append(report.rows.count) }
    report.rows.append(
      BindingReport.Row(
        state: isWeight ? .missing : .kept, to: name, from: [],
        rule: isWeight ? "no weight matches" : Self.constantRule,
        shape: initializer.tensor.shape))
  }

  /// The weight that has the name for an initializer, or for its place in a module, and another shape.
  private func mismatch(_ index: Int, _ places: [Int]) -> Int? {
    let initializer = graph.initializers[index]
    var names = [initializer.name ?? ""]
    for use in places.map({ uses.uses[$0] }) {
      guard let leaf = use.role.leaf else { continue }
      names += paths(of: use).map { ModulePath.join($0, leaf) }
    }
    return names.lazy.compactMap { table.index($0) }.first { weight in
      table.computation(weight) == nil && !table.claimed.contains(weight)
        && table.entry(weight).elementType.isFloatingPoint
        && table.entry(weight).shape != initializer.tensor.shape
    }
  }

  private static let constantRule = "a constant of the graph"

  /// Whether a normalization has no trained parameters: the graph has 1 and 0 for them.
  private func isConstant(_ use: WeightUse) -> Bool {
    guard graph.nodes[use.node].isNormalization,
      use.role == .weight || use.role == .bias,
      let path = paths(of: use).first(where: normalized.contains)
    else { return false }
    return !table.contains(ModulePath.join(path, use.role.rawValue))
  }

  /// Whether an initializer of the flat graph is a node of the model.
  private func isNode(_ index: Int) -> Bool {
    graph.constants.contains(index) || graph.order.origins[index] != nil
  }

  /// Keeps the old tensor for an `Identity` of a weight that changes.
  private mutating func keepOrigins() {
    for (index, origin) in graph.order.origins {
      guard changes.tensors[index] == nil, !changes.unused.contains(index),
        changes.tensors[origin] != nil || changes.unused.contains(origin)
      else { continue }
      let entry = Weights.Entry("", graph.initializers[index].tensor)
      let make: FlatChanges.Make = { () throws(FormatError) in try entry.tensor() }
      changes.tensors[index] = make
    }
  }

  /// The assignment's tensor, converted to the graph's element type.
  private func made(
    _ assignment: Assignment, _ elementType: ElementType
  ) -> (make: FlatChanges.Make, note: String) {
    guard assignment.elementType != elementType else { return (assignment.make, "") }
    let make = assignment.make
    return (
      { () throws(FormatError) in try make().converted(to: elementType) },
      ", \(assignment.elementType) to \(elementType)"
    )
  }

  /// Replaces an initializer.
  private mutating func put(_ assignment: Assignment, in index: Int) {
    let old = graph.initializers[index]
    let (make, note) = made(assignment, old.tensor.elementType)
    changes.tensors[index] = make
    record(assignment, to: old.name ?? "", note)
  }

  /// Adds an initializer and connects it to the places.
  private mutating func add(_ assignment: Assignment, to places: [WeightUse]) {
    guard let first = places.first else { return }
    let type =
      first.initializer.map { graph.initializers[$0].tensor.elementType } ?? weightType(of: first)
    let (make, note) = made(assignment, type ?? .float32)
    // The body of a function cannot use initializers of the graph.
    for (function, group) in Dictionary(
      grouping: places, by: { graph.order.function(ofNode: $0.node) ?? -1 }
    ).sorted(by: { $0.key < $1.key }) {
      var name = assignment.name
      while graph.names.contains(name) || added.contains(name) { name += "_" }
      added.insert(name)
      changes.added.append((name, make, function < 0 ? -1 : group[0].node))
      for place in group { changes.inputs[place.node, default: [:]][place.input] = name }
      record(assignment, to: name, note)
    }
  }

  /// The element type of the node's weight.
  private func weightType(of use: WeightUse) -> ElementType? {
    let inputs = graph.nodes[use.node].inputs
    guard inputs.count > 1, let place = graph.places[inputs[1]] else { return nil }
    return graph.initializers[place].tensor.elementType
  }

  private mutating func record(_ assignment: Assignment, to name: String, _ note: String) {
    let from = table.claim(assignment.from)
    report.rows.append(
      BindingReport.Row(
        state: .bound, to: name, from: from.map { table.entry($0).name },
        rule: assignment.rule + note, shape: assignment.shape))
  }
}

extension Model {
  /// The model with weights in place of its own. Each old tensor is released when its replacement is
  /// read, unless something else holds it.
  /// - Returns: the model, and a report of what happened to each tensor
  /// - Throws: `ConversionError` where no weight matches the graph or one cannot be read. Weights and
  ///   places that are left over are not an error; see `BindingReport.checkComplete()`.
  public consuming func bound(
    to weights: Weights, _ options: BindingOptions = .init()
  ) throws(ConversionError) -> (model: Model, report: BindingReport) {
    var (changes, report) = try bindings(of: weights.inModules(), options)
    guard report.count(.bound) > 0 else {
      if report.count(.mismatched) > 0 { try report.checkComplete() }
      throw ConversionError("no weight matches the graph: they have no names and shapes in common")
    }
    var model = consume self
    do throws(FormatError) { try changes.apply(to: &model) } catch {
      throw ConversionError("\(error)")
    }
    return (model, report)
  }

  private func bindings(
    of weights: Weights, _ options: BindingOptions
  ) throws(ConversionError) -> (changes: FlatChanges, report: BindingReport) {
    // The notes change nothing that is counted, so the changes fit the model without them.
    let modules = weights.modules
    let model =
      weights.layout == .keras
      ? notingLayers(modules.all, recurrent: modules.recurrent) : self
    var binder = Binder(model, weights, options)
    return try binder.bind()
  }
}
