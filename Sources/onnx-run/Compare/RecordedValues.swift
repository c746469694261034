import ONNXFormat
import ToolSupport

/// Values that were recorded for a model: of its inputs, outputs and nodes.
struct RecordedValues {
  private(set) var inputs: [String: Value] = [:]
  private(set) var values: [String: Value] = [:]

  /// Reads a `.npz` file, or a folder of `.npz`, `NAME.npy`, `NAME.pb`, `input_I.pb` and `output_I.pb`.
  /// - Throws: `Failure` for a file that cannot be read, or if no value is one of the model
  init(_ path: String, _ model: ExposedModel, memoryLimit: Int) throws(Failure) {
    let limits = ReadingLimits(mostMemory: memoryLimit)
    var types: [String: ValueType?] = [:]
    for info in model.graph.outputs + model.session.inputs { types[info.name] = info.type }
    var names: [String: String] = [:]
    for name in types.keys.sorted() {
      names[name] = name
      let file = fileNames(for: [name])[0]
      if names[file] == nil { names[file] = name }
    }
    let inputNames = Set(model.session.inputs.map(\.name))
    var unknown: [String] = []
    func add(_ value: Value, _ name: String) {
      if inputNames.contains(name) { inputs[name] = value } else { values[name] = value }
    }
    func addArchive(_ path: String) throws(Failure) {
      for (name, tensor) in try readTensors(npz: path, limits) {
        guard let known = names[name] else {
          unknown.append(name)
          continue
        }
        let type = (types[known] ?? nil)?.tensorType?.elementType
        do { add(.tensor(try narrowed(tensor, to: type)), known) } catch {
          throw Failure("\(path): \(name.quoted)", error)
        }
      }
    }
    /// The value that a file holds; `nil` for none of the model.
    func name(of stem: String) -> String? {
      for (start, list) in [
        ("input_", model.session.inputs.map(\.name)), ("output_", model.outputs),
      ] {
        if names[stem] == nil, stem.hasPrefix(start), let place = Int(stem.dropFirst(start.count)),
          list.indices.contains(place)
        {
          return list[place]
        }
      }
      return names[stem]
    }
    if isFolder(path) {
      for file in try entries(of: path).sorted() {
        let whole = "\(path)/\(file)"
        if file.hasSuffix(".npz") {
          try addArchive(whole)
        } else if file.hasSuffix(".npy") || file.hasSuffix(".pb") {
          let stem = withoutExtension(file)
          guard let known = name(of: stem) else {
            unknown.append(file)
            continue
          }
          add(try readValue(whole, types[known] ?? nil, limits), known)
        }
      }
    } else {
      try addArchive(path)
    }
    if let first = unknown.first {
      let list = unknown.prefix(3).map(\.quoted).joined(separator: ", ")
      guard !values.isEmpty else {
        throw unknownName(withoutExtension(first), "value", among: Array(types.keys)).in(path)
      }
      printError("note: \(path): not in the model: \(list)\(unknown.count > 3 ? ", …" : "")")
    }
    guard !values.isEmpty else {
      throw Failure(
        "\(path): expected .npy, .npz or .pb files with values of the model, found none")
    }
  }
}

extension Failure {
  /// The failure with its subject in front.
  func `in`(_ subject: String) -> Failure { Failure(subject, self) }
}
