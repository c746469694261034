import ONNXFormat

/// What a binding did with each tensor of the graph and of the weights.
public struct BindingReport: Sendable {
  public enum State: String, Sendable {
    case bound
    /// A constant of the graph that stays as it is.
    case kept
    /// The graph asks for it, and no weight fits.
    case missing
    /// No place in the graph asks for it.
    case unused
    /// Of no use outside of training, or equal to another.
    case ignored
  }

  public struct Row: Sendable {
    public var state: State
    /// The initializer's name; empty where there is none.
    public var to: String
    /// Names of the weights; empty where there are none.
    public var from: [String]
    public var rule: String
    public var shape: [Int]
  }

  public var rows: [Row] = []
  /// What was done with all names.
  public var rules: [String] = []

  public func count(_ state: State) -> Int { rows.count { $0.state == state } }

  /// Whether every place got its weight, and every weight its place.
  public var isComplete: Bool { !rows.contains { $0.state == .missing || $0.state == .unused } }

  /// - Throws: `ConversionError` that names what is left over on either side.
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
    if count(.missing) > 0 {
      parts.append("initializers without a weight: \(names(.missing) { $0.to })")
    }
    if count(.unused) > 0 {
      parts.append("weights without a place: \(names(.unused) { $0.from.first ?? "" })")
    }
    return parts.joined(separator: "; ")
  }
}

/// How weights are bound.
public struct BindingOptions: Sendable {
  /// What to take off the weights' names; `nil` for what fits best.
  public var prefix: String?
  /// The ε of batch normalizations that a graph has folded into convolutions.
  public var batchNormEpsilon = 1e-5
  /// Match what no name fits by its place in the file and its shape.
  public var matchesByOrder = false

  public init() {}
}
