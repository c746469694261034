import ONNXFormat
import ONNXOperators

/// A change of a model that keeps its results: constant folding, fusion, the removal of dead nodes.
///
/// A session runs passes one after the other before it plans its model; `Passes.standard` is their
/// order. `SessionOptions.passes` leaves some out, by name, or adds others.
public protocol Pass: Sendable {
  /// The name that options and reports call the pass by.
  var name: String { get }

  /// Changes the model, and notes in `context` what it did.
  ///
  /// A pass that only makes a model faster leaves alone whatever it cannot change.
  /// - Throws: `ModelError` for a model that the pass has to change and cannot.
  func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError)

  /// Whether the pass, as one of `SessionOptions.expansions`, may replace a node whose operator the
  /// session does not have. The default is `true`.
  func mayReplace(_ node: Node) -> Bool
}

extension Pass {
  /// `true`.
  public func mayReplace(_ node: Node) -> Bool { true }
}

/// The facts about a model that a pass may rely on, and its notes on what it did.
public struct PassContext {
  /// The types of values by name, as they follow from the model's declared inputs; empty before the
  /// model is checked.
  public internal(set) var types: [String: ValueType]
  let operatorSets: OperatorSets
  let engine: Engine
  let ownership: Ownership?
  /// Everything noted so far, in order.
  public private(set) var notes: [String] = []

  init(
    types: [String: ValueType] = [:], operatorSets: OperatorSets, engine: Engine,
    ownership: Ownership? = nil
  ) {
    self.types = types
    self.operatorSets = operatorSets
    self.engine = engine
    self.ownership = ownership
  }

  /// The operators that the session knows.
  public var registry: Registry { engine.registry }

  /// The options of the session that runs the pass.
  public var options: SessionOptions { engine.options }

  /// Notes one change, such as `Conv + Relu`. Reports count equal notes.
  public mutating func note(_ text: String) { notes.append(text) }

  /// The version of the operator set whose rules a node follows; `nil` where the model imports none
  /// of its domain.
  public func version(of node: Node) -> Int? {
    try? operatorSets.version(
      for: node, { .node(name: "", operatorType: node.operatorType, $0) })
  }

  /// The operator of a node; `nil` for one that no operator runs, or that holds a subgraph.
  func plainOperator(of node: Node) -> (any Operator)? {
    guard !node.hasSubgraph, let version = version(of: node) else { return nil }
    return try? registry.make(node, operatorSet: version).operator
  }

  mutating func clearNotes() { notes = [] }
}

/// The effect of one pass on a model.
public struct PassReport: Sendable, Hashable {
  /// The pass's name.
  public let pass: String
  /// The number of nodes before the pass ran, those of subgraphs not counted.
  public let nodesBefore: Int
  /// The number of nodes after it ran.
  public let nodesAfter: Int
  /// The changes the pass noted, in the order of their first occurrence.
  public let changes: [Change]

  /// A kind of change.
  public struct Change: Sendable, Hashable {
    /// The change in a few words, such as `Conv + Relu`.
    public let text: String
    /// How many times the pass made it.
    public let count: Int
  }

  init(_ pass: String, nodesBefore: Int, nodesAfter: Int, notes: [String]) {
    self.pass = pass
    self.nodesBefore = nodesBefore
    self.nodesAfter = nodesAfter
    var counts: [String: Int] = [:]
    var order: [String] = []
    for note in notes {
      if counts[note] == nil { order.append(note) }
      counts[note, default: 0] += 1
    }
    changes = order.map { Change(text: $0, count: counts[$0] ?? 0) }
  }
}
