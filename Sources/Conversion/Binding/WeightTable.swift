import ONNXFormat

/// The weights to bind, by the names they have once prefixes are taken off.
struct WeightTable {
  let weights: Weights
  /// What was taken off the names of the weights.
  let prefix: String
  /// What the graph's names have in front that those of the weights lack.
  let graphPrefix: String
  /// The modules that hold tensors, in the file's order.
  let modules: [String]
  private let order: [String: Int]
  private let byModule: [String: [String]]
  private let indices: [String: Int]
  private(set) var claimed: Set<Int> = []
  /// Weights behind those of the file that are computed from these, and by what.
  private let computed: [ComputedWeights.Item]
  private let fileCount: Int
  /// Modules of the graph that bear another name among the weights.
  var aliases: [String: String] = [:]

  /// - Parameters:
  ///   - expected: names that the graph would like to find
  ///   - prefix: what to take off; `nil` for what gives the most of the expected names
  ///   - modules: how many modules of the graph have weights
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

  /// The prefix, of the weights' names or of the graph's, under which the most names meet.
  private static func bestPrefix(
    _ names: [String], _ expected: Set<String>, modules: Int
  ) -> (source: String, graph: String) {
    var votes: [[String]: Int] = [:]
    let known = Set(names)
    /// Calls `body` with the name cut in two behind each point.
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
    // A prefix under which hardly anything of the graph is found is an accident.
    let best = votes.filter { $0.key == ["", ""] || 2 * $0.value >= modules }.max { a, b in
      (a.value, -a.key[0].count - a.key[1].count, b.key[0] + b.key[1])
        < (b.value, -b.key[0].count - b.key[1].count, a.key[0] + a.key[1])
    }
    return best.map { ($0.key[0], $0.key[1]) } ?? ("", "")
  }

  /// Where the tensor of that name stands among the weights.
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

  /// The tensors of the file that these come from.
  func sources(of indices: [Int]) -> [Int] {
    indices.flatMap { $0 < fileCount ? [$0] : computed[$0 - fileCount].sources }
  }

  /// How the weight is computed, where it is.
  func computation(_ index: Int) -> String? {
    index < fileCount ? nil : computed[index - fileCount].rule
  }

  /// Notes that these have a place.
  /// - Returns: the tensors of the file that they come from
  @discardableResult mutating func claim(_ indices: [Int]) -> [Int] {
    let sources = sources(of: indices)
    claimed.formUnion(indices + sources)
    return sources
  }

  /// The tensors of the file that have no place.
  var unclaimed: [Int] { (0..<fileCount).filter { !claimed.contains($0) } }

  /// Whether there is something in that module or in one within it.
  func holds(_ path: String) -> Bool {
    byModule[path] != nil || modules.contains { $0.hasPrefix(path + ".") }
  }

  /// The names of all tensors directly in a module, in the file's order.
  func leaves(of path: String) -> [String] { byModule[aliases[path] ?? path] ?? [] }

  /// How many layers a recurrent module has; 0 where it is none.
  func layers(of path: String) -> Int {
    var count = 0
    while contains(ModulePath.join(path, "weight_ih_l\(count)")) { count += 1 }
    return count
  }

  /// The module whose tensors come next behind those of `path`, in the file's order.
  func module(behind path: String) -> String? {
    guard let place = order[aliases[path] ?? path], place + 1 < modules.count else { return nil }
    return modules[place + 1]
  }
}
