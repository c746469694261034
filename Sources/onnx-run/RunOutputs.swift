import ONNXFormat
import ONNXInterpreter
import ToolSupport

/// Writes the outputs of a run to a folder, which is created if necessary.
/// - Throws: `Failure` for a file that cannot be written or a value that the format cannot hold
func writeOutputs(
  _ outputs: [(name: String, value: Value)], to folder: String, _ format: OutputFormat
) throws(Failure) {
  try makeFolder(folder)
  do {
    switch format {
    case .npy:
      for (output, name) in zip(outputs, fileNames(for: outputs.map(\.name))) {
        try tensor(output, format).writeNPY(to: "\(folder)/\(name).npy")
      }
    case .npz:
      let tensors = try outputs.map { ($0.name, try tensor($0, format)) }
      try NPZ.write(tensors, to: "\(folder)/outputs.npz")
    case .pb:
      for (index, output) in outputs.enumerated() {
        try output.value.write(to: "\(folder)/output_\(index).pb", name: output.name)
      }
    }
  } catch {
    throw Failure("\(error)")
  }
}

private func tensor(
  _ output: (name: String, value: Value), _ format: OutputFormat
) throws(Failure) -> Tensor {
  guard let tensor = output.value.tensor else {
    throw Failure(
      "output \(output.name.quoted) is \(output.value.type), which \(format) files cannot hold: use "
        + "--output-format pb")
  }
  return tensor
}

/// The expected values of outputs.
struct Expectations {
  private var values: [(name: String, value: Value)] = []

  /// Reads the arguments of `--expect`, `NAME=FILE` or `FILE`. A file without a name is an archive or
  /// belongs to the model's only output.
  /// - Throws: `Failure`, with the path or the output's name
  init(_ arguments: [String], _ session: Session) throws(Failure) {
    let names = session.outputs.map(\.name)
    for argument in arguments {
      let parsed = NamedArgument(argument, names: names)
      if parsed.name == nil, let split = argument.firstIndex(of: "="), !fileExists(argument) {
        throw unknownName(String(argument[..<split]), "output", among: names)
      }
      let file = try RegularFile(parsed.text, limit: session.memoryLimit)
      try file.read { path in
        let limits = ReadingLimits(mostMemory: session.memoryLimit)
        guard try fileSize(path) <= session.memoryLimit else {
          throw Failure("\(path): the file exceeds the memory limit, which --max-memory sets")
        }
        if try ValueFileKind(ofFile: path) == .npz {
          try readArchive(path, parsed.name, session, limits)
        } else if let name = parsed.name ?? (names.count == 1 ? names[0] : nil) {
          let type = session.outputs.first { $0.name == name }?.type
          values.append((name, try readValue(path, type, limits)))
        } else {
          throw Failure(
            "--expect \(argument): expected NAME=FILE, as the model has several outputs")
        }
      }
    }
  }

  private mutating func readArchive(
    _ path: String, _ wanted: String?, _ session: Session, _ limits: ReadingLimits
  ) throws(Failure) {
    let names = session.outputs.map(\.name)
    for (name, tensor) in try readTensors(npz: path, limits) {
      if let wanted, wanted != name { continue }
      guard names.contains(name) else {
        throw Failure(path, unknownName(name, "output", among: names))
      }
      let type = session.outputs.first { $0.name == name }?.type?.tensorType?.elementType
      do { values.append((name, .tensor(try narrowed(tensor, to: type)))) } catch {
        throw Failure("\(path): \(name.quoted)", error)
      }
    }
    if let wanted, values.last?.name != wanted {
      throw Failure("\(path): no array is named \(wanted.quoted)")
    }
  }

  /// Compares the outputs with the expected values.
  func compare(
    _ outputs: [String: Value], _ tolerance: Tolerance
  ) -> [(name: String, comparison: ValueComparison)] {
    values.compactMap { name, expected in
      // A run returns all outputs of its session.
      outputs[name].map { (name, ValueComparison($0, with: expected, tolerance)) }
    }
  }
}
