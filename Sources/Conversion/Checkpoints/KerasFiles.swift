import ONNX

/// HDF5 files, among them the weights and models of Keras (`.h5`, `.weights.h5`). Each dataset is a
/// tensor, by its path.
enum HDF5Weights: CheckpointFormat {
  static let name = "HDF5 (Keras .h5)"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    try HDF5File.start(HDF5Source(file.input)) != nil
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let source = HDF5Source(file.input)
    return try Weights(HDF5File(source), size: file.count, limits: file.limits)
  }
}

/// The archives of Keras 3 (`.keras`): a zip file with `model.weights.h5`.
enum KerasArchive: CheckpointFormat {
  static let name = ".keras"
  private static let weightsName = "model.weights.h5"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    guard try file.isZipArchive() else { return false }
    return try ZipReader(ByteSource(file.input)).entries.contains { $0.name == weightsName }
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let bytes = ByteSource(file.input)
    let zip = try ZipReader(bytes)
    guard let entry = zip.entries.first(where: { $0.name == weightsName }) else {
      throw FormatError(.invalid("it has no \(weightsName)"))
    }
    let data = try zip.data(of: entry, in: bytes)
    let source: HDF5Source
    if entry.isCompressed {
      // Keras stores this entry as it is; a compressed one is inflated whole.
      var budget = MemoryBudget(
        limit: min(file.limits.inflatedSize, file.limits.memoryLimit(fileSize: file.count)))
      try budget.take(entry.size)
      guard entry.size / 1032 <= data.count else {
        throw FormatError(.malformed("a compressed entry is damaged", offset: data.lowerBound))
      }
      source = HDF5Source(
        memory: try InflatingInput(bytes, data, size: entry.size).bytes(entry.size))
    } else {
      source = HDF5Source(try InputFile(part: data, of: file.input))
    }
    var weights = try Weights(HDF5File(source), size: source.count, limits: file.limits)
    if let entry = zip.entries.first(where: { $0.name == "config.json" }),
      let config = KerasConfig(try zip.bytes(of: entry, in: bytes, limit: 64 << 20))
    {
      weights.use(config)
    }
    return weights
  }
}

extension Weights {
  /// The datasets of an HDF5 file, in the order of Keras' layers where the file states it.
  /// - Parameter size: the bytes of the file
  /// - Throws: `FormatError` beyond the limits
  init(_ file: HDF5File, size: Int, limits: ReadingLimits) throws(FormatError) {
    var plain = MemoryBudget(limit: size)
    // Deflate expands by at most 1032 times.
    let (most, overflow) = size.multipliedReportingOverflow(by: 1032)
    let base = limits.memoryLimit(fileSize: size)
    var unpacked = MemoryBudget(
      limit: overflow ? limits.inflatedSize : min(limits.inflatedSize, max(most, base)))
    var entries: [Entry] = []
    for item in file.items {
      let dataset = item.dataset
      do throws(FormatError) {
        switch dataset.layout {
        case .contiguous(.some, _), .compact: try plain.take(dataset.byteCount)
        case .contiguous(nil, _), .chunked: try unpacked.take(dataset.byteCount)
        }
      } catch { throw error.within("dataset \(item.path.quoted)") }
      entries.append(
        Entry(item.path, dataset.type.elementType, dataset.shape) { () throws(FormatError) in
          try dataset.tensor()
        })
    }
    self.init(entries)
    guard
      entries.contains(where: {
        $0.name.contains("/vars/") || $0.name.hasPrefix("model_weights/")
      }) || file.attributes[""]?["layer_names"] != nil
        || file.attributes[""]?["keras_version"] != nil
    else { return }
    layout = .keras
    for (path, texts) in file.attributes { layerNames[path] = texts["name"]?.first }
    if let text = file.attributes[""]?["model_config"]?.first,
      let config = KerasConfig(Array(text.utf8))
    {
      epsilons = config.epsilons
    }
    let root = file.attributes["model_weights"] == nil ? "" : "model_weights"
    sort(byLayers: Self.list("layer_names", file.attributes[root]), root: root) { layer in
      Self.list("weight_names", file.attributes[root.isEmpty ? layer : "\(root)/\(layer)"])
    }
  }

  /// Takes the names and the order of the layers from the model's configuration.
  fileprivate mutating func use(_ config: KerasConfig) {
    epsilons = config.epsilons
    var ranks: [String: Int] = [:]
    for (group, name) in config.names {
      if layerNames[group] == nil { layerNames[group] = name }
      ranks[String(group.dropLast("/vars".count))] = ranks.count
    }
    /// The rank of the innermost layer that a variable belongs to.
    func rank(_ path: String) -> Int {
      var path = path[...]
      while let slash = path.lastIndex(of: "/") {
        path = path[..<slash]
        if let rank = ranks[String(path)] { return rank }
      }
      return Int.max
    }
    let order = entries.enumerated().map { (rank($1.name), $0) }
    entries = entries.indices.sorted { order[$0] < order[$1] }.map { entries[$0] }
  }

  /// A list of texts among attributes, which Keras splits where it is long: `name0`, `name1`, …
  private static func list(_ name: String, _ attributes: [String: [String]]?) -> [String] {
    guard let attributes else { return [] }
    if let whole = attributes[name] { return whole }
    var all: [String] = []
    for number in 0... {
      guard let part = attributes["\(name)\(number)"] else { break }
      all += part
    }
    return all
  }

  /// Puts the weights in the order of the layers and of the variables in each.
  private mutating func sort(
    byLayers layers: [String], root: String, variables: (String) -> [String]
  ) {
    var ranks: [String: Int] = [:]
    for layer in layers {
      for variable in variables(layer) {
        ranks[(root.isEmpty ? "" : root + "/") + "\(layer)/\(variable)"] = ranks.count
      }
    }
    guard !ranks.isEmpty else { return }
    let order = entries.enumerated().map { (ranks[$1.name] ?? Int.max, $0) }
    entries = entries.indices.sorted { order[$0] < order[$1] }.map { entries[$0] }
  }
}
