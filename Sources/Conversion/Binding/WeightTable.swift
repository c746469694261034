import ONNXFormat

/// The weights to bind, by their names without prefixes.
struct WeightTable {
  let weights: Weights
  /// The prefix that was removed from the names of the weights.
  let prefix: String
  /// The prefix of the graph's names that the weights lack.
  let graphPrefix: String
  /// The modules with tensors, in the file's order.
  let modules: [String]
  private let order: [String: Int]
  private let byModule: [String: [String]]
  private let indices: [String: Int]
  private(set) var claimed: Set<Int> = []
  /// Weights that are computed from those of the file, and follow them in the table.
  private let computed: [ComputedWeights.Item]
  private let fileCount: Int
  /// Names of modules among the weights that differ from the graph's.
  var aliases: [String: String] = [:]

  /// - Parameters:
  ///   - expected: names that places of the graph would match
  ///   - prefix: the prefix to remove; `nil` for the one with the most matches
  ///   - modules: the number of modules of the graph that have weights
  ///   - transposed: modules of the graph that are transposed convolutions
  init(
    _ weights: Weights, expected: Set<String>, modules: Int, prefix: String?,
    transposed: Set<String>
  ) {
    fileCount = weights.entries.count
    computed =
      ComputedWeights(weights) { path in
        transposed.contains { $0 == path || $0.hasSuffix(".\(path)") || path.hasSuffix(".\($0)") }
      }.items
    var weights = weights
    weights.entries += computed.map(\.entry)
    self.weights = weights
    var best = (source: prefix.map { $0.hasSuffix(".") ? $0 : $0 + "." } ?? "", graph: "")
    if prefix == nil {
      best = Self.bestPrefix(weights.entries.map(\.name), expected, modules: modules)
    }
    self.prefix = best.source
    self.graphPrefix = best.graph
    var indices: [String: Int] = [:]
    var modules: [String] = []
    var byModule: [String: [String]] = [:]
    for (index, entry) in weights.entries.enumerated() where entry.name.hasPrefix(best.source) {
      let name = best.graph + entry.name.dropFirst(best.source.count)
      let path = ModulePath.parent(name)
      indices[name] = index
      if byModule[path] == nil { modules.append(path) }
      byModule[path, default: []].append(name)
    }
    self.indices = indices
    self.modules = modules
    self.byModule = byModule
    order = Dictionary(uniqueKeysWithValues: modules.enumerated().map { ($1, $0) })
  }

  /// The prefix, of the weights' names or of the graph's, with the most matches.
  private static func bestPrefix(
    _ names: [String], _ expected: Set<String>, modules: Int
  ) -> (source: String, graph: String) {
    var votes: [[String]: Int] = [:]
    let known = Set(names)
    /// Calls `body` with the two parts of the name at each dot.
    func cut(_ name: String, _ body: (String, String) -> Void) {
      body("", name)
      for (index, character) in zip(name.indices, name) where character == "." {
        let middle = name.index(after: index)
        body(String(name[..<middle]), String(name[middle...]))
      }
    }
    for name in names {
      cut(name) { prefix, rest in
        if expected.contains(rest) { votes[[prefix, ""], default: 0] += 1 }
      }
    }
    for name in expected {
      cut(name) { prefix, rest in
        if !prefix.isEmpty, known.contains(rest) { votes[["", prefix], default: 0] += 1 }
      }
    }
    // A prefix that matches less than half of the modules is an accident.
    let best = votes.filter { $0.key == ["", ""] || 2 * $0.value >= modules }.max { a, b in
      (a.value, -a.key[0].count - a.key[1].count, b.key[0] + b.key[1])
        < (b.value, -b.key[0].count - b.key[1].count, a.key[0] + a.key[1])
    }
    return best.map { ($0.key[0], $0.key[1]) } ?? ("", "")
  }

  /// The index of the weight of that name.
  func index(_ name: String) -> Int? {
    if let index = indices[name] { return index }
    guard !aliases.isEmpty else { return nil }
    let path = ModulePath.parent(name)
    guard let alias = aliases[path] else { return nil }
    let leaf = path.isEmpty ? name : String(name.dropFirst(path.count + 1))
    return indices[ModulePath.join(alias, leaf)]
  }
  func contains(_ name: String) -> Bool { index(name) != nil }
  func shape(_ name: String) -> [Int]? { index(name).map { weights.entries[$0].shape } }
  func entry(_ index: Int) -> Weights.Entry { weights.entries[index] }

  /// The tensors of the file that weights are computed from, or the weights themselves.
  func sources(of indices: [Int]) -> [Int] {
    indices.flatMap { $0 < fileCount ? [$0] : computed[$0 - fileCount].sources }
  }

  /// The way a weight is computed; `nil` for one of the file.
  func computation(_ index: Int) -> String? {
    index < fileCount ? nil : computed[index - fileCount].rule
  }

  /// Marks weights as bound.
  /// - Returns: the tensors of the file that they are computed from
  @discardableResult mutating func claim(_ indices: [Int]) -> [Int] {
    let sources = sources(of: indices)
    claimed.formUnion(indices + sources)
    return sources
  }

  /// The tensors of the file that are not bound.
  var unclaimed: [Int] { (0..<fileCount).filter { !claimed.contains($0) } }

  /// Whether a module or one of its children has weights.
  func holds(_ path: String) -> Bool {
    byModule[path] != nil || modules.contains { $0.hasPrefix(path + ".") }
  }

  /// The names of a module's own tensors, in the file's order.
  func leaves(of path: String) -> [String] { byModule[aliases[path] ?? path] ?? [] }

  /// The number of layers of a recurrent module; 0 for another one.
  func layers(of path: String) -> Int {
    var count = 0
    while contains(ModulePath.join(path, "weight_ih_l\(count)")) { count += 1 }
    return count
  }

  /// The module whose tensors follow those of `path` in the file.
  func module(behind path: String) -> String? {
    guard let place = order[aliases[path] ?? path], place + 1 < modules.count else { return nil }
    return modules[place + 1]
  }
}
