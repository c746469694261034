import ONNXFormat

/// A report of a binding: the source of each initializer, and the use of each weight.
public struct BindingReport: Sendable {
  /// The outcome for a tensor.
  public enum State: String, Sendable {
    /// An initializer that took weights.
    case bound
    /// A constant of the graph, which is kept.
    case kept
    /// An initializer that no weight matches.
    case missing
    /// An initializer whose weight, by its name, has another shape.
    case mismatched
    /// A weight that no place in the graph takes.
    case unused
    /// A weight that only training needs, or that equals a bound one.
    case ignored
  }

  /// The outcome for one initializer, or for a weight without one.
  public struct Row: Sendable {
    /// The outcome.
    public var state: State
    /// The name of the initializer; empty where there is none.
    public var to: String
    /// The names of the weights; empty where there are none.
    public var from: [String]
    /// The rule by which they were matched, or the reason why not.
    public var rule: String
    /// The shape of the initializer, or of the weight.
    public var shape: [Int]
  }

  /// The outcomes, in the graph's order, weights without a place last.
  public var rows: [Row] = []
  /// Rules that were applied to all names, such as a prefix.
  public var rules: [String] = []

  /// The number of rows with an outcome.
  public func count(_ state: State) -> Int { rows.count { $0.state == state } }

  /// Whether every place has a weight and every weight a place.
  public var isComplete: Bool {
    !rows.contains { [.missing, .unused, .mismatched].contains($0.state) }
  }

  /// Refuses an incomplete binding.
  /// - Throws: `ConversionError` that names initializers without a weight and weights without a place
  public func checkComplete() throws(ConversionError) {
    if !isComplete { throw ConversionError(complaint) }
  }

  private var complaint: String {
    func names(_ state: State, _ name: (Row) -> String) -> String {
      let rows = rows.filter { $0.state == state }
      let first = rows.prefix(3).map { "\(name($0).quoted) \($0.shape)" }.joined(separator: ", ")
      return "\(rows.count) (\(first)\(rows.count > 3 ? ", …" : ""))"
    }
    var parts: [String] = []
    let mismatched = rows.filter { $0.state == .mismatched }
    if !mismatched.isEmpty {
      let list = mismatched.prefix(8).map { row in
        let name = row.from.first ?? row.to
        let own = row.to == name || row.to.isEmpty ? "" : " of \(row.to.quoted)"
        return "\(name.escaped): \(row.rule)\(own)"
      }
      parts.append(
        "weights with another shape than in the graph: "
          + list.joined(separator: ", ") + (mismatched.count > 8 ? ", …" : ""))
    }
    if count(.missing) > 0 {
      parts.append("initializers without a weight: \(names(.missing) { $0.to })")
    }
    if count(.unused) > 0 {
      parts.append("weights without a place: \(names(.unused) { $0.from.first ?? "" })")
    }
    return parts.joined(separator: "; ")
  }
}

/// Options of binding weights to a graph.
public struct BindingOptions: Sendable {
  /// The prefix to remove from the names of the weights; by default the one with the most matches.
  public var prefix: String?
  /// The ε of batch normalizations that the graph has folded into convolutions. The default, `nil`,
  /// is the framework's: 1e-5, or 1e-3 for weights of Keras.
  public var batchNormEpsilon: Double?
  /// Whether modules that no name matches are matched by their order and shapes. The default is
  /// `false`.
  public var matchesByOrder = false

  /// The default options.
  public init() {}
}
