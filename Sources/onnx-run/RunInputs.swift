import ONNX
import ONNXImages
import ToolSupport

/// Values for the inputs of a model: read from files, or filled in.
struct RunInputs {
  private let required: [ValueInfo]
  private let all: [ValueInfo]
  private var shapes: InputShapes
  private(set) var values: [String: Value] = [:]
  /// The pictures among the inputs.
  private(set) var pictures: [Image] = []
  private var filled: [(name: String, type: ValueType)] = []

  /// - Parameter requestedShapes: `NAME=SIZExSIZE…`
  /// - Throws: `Failure`
  init(_ session: Session, requestedShapes: [String]) throws(Failure) {
    required = session.inputs
    all = session.inputs + session.optionalInputs
    shapes = try InputShapes(
      all, requested: parseShapes(requestedShapes, names: all.map(\.name)))
  }

  /// Reads `NAME=FILE` and `FILE` arguments; those without a name serve the required inputs that
  /// none names, in order, and an archive those of its own names.
  /// - Throws: `Failure`
  mutating func read(
    _ arguments: [String], _ normalization: PictureNormalization
  ) throws(Failure) {
    let names = all.map(\.name)
    let parsed = arguments.map { NamedArgument($0, names: names) }
    var unnamed: [String] = []
    for argument in parsed {
      if let name = argument.name, let info = all.first(where: { $0.name == name }) {
        try read(argument.text, into: info, normalization)
      } else {
        unnamed.append(argument.text)
      }
    }
    for path in unnamed {
      // What is before a `=` was meant to be a name, unless there is such a file.
      if let split = path.firstIndex(of: "="), !fileExists(path) {
        throw unknownName(String(path[..<split]), "input", among: names)
      }
      if try ValueFileKind(ofFile: path) == .npz {
        try readArchive(path)
      } else if let info = required.first(where: { values[$0.name] == nil }) {
        try read(path, into: info, normalization)
      } else {
        throw Failure("--input \(path): the model has no further input")
      }
    }
  }

  private mutating func read(
    _ path: String, into info: ValueInfo, _ normalization: PictureNormalization
  ) throws(Failure) {
    switch try ValueFileKind(ofFile: path) {
    case .picture:
      do {
        let image = try Image(contentsOf: path)
        pictures.append(image)
        try set(info, .tensor(tensor(image, for: info, shapes: shapes, normalization)))
      } catch {
        throw Failure(path, error)
      }
    case .npz:
      let tensors = try readTensors(npz: path)
      guard let entry = tensors.first(where: { $0.name == info.name }) ?? tensors.first,
        tensors.count == 1 || entry.name == info.name
      else { throw Failure("\(path): no array '\(info.name)' among its \(tensors.count)") }
      try set(info, entry.tensor, path)
    case .npy, .message: try set(info, readValue(path, info.type))
    }
  }

  private mutating func readArchive(_ path: String) throws(Failure) {
    for (name, tensor) in try readTensors(npz: path) {
      guard let info = all.first(where: { $0.name == name }) else {
        throw Failure(path, unknownName(name, "input", among: all.map(\.name)))
      }
      try set(info, tensor, path)
    }
  }

  private mutating func set(
    _ info: ValueInfo, _ tensor: Tensor, _ path: String
  ) throws(Failure) {
    let value: Value
    do {
      value = .tensor(try narrowed(tensor, to: info.type?.tensorType?.elementType))
    } catch { throw Failure(path, error) }
    try set(info, value)
  }

  /// Takes a tensor for the input of that name.
  /// - Throws: `Failure` where it is given already, or does not fit the shape that was asked for.
  mutating func give(_ name: String, _ tensor: Tensor) throws(Failure) {
    guard let info = all.first(where: { $0.name == name }) else {
      throw unknownName(name, "input", among: all.map(\.name))
    }
    try set(info, .tensor(tensor))
  }

  private mutating func set(_ info: ValueInfo, _ value: Value) throws(Failure) {
    guard values.updateValue(value, forKey: info.name) == nil else {
      throw Failure("input '\(info.name)' is given twice")
    }
    if let tensor = value.tensor, let type = info.type?.tensorType {
      try shapes.check(info, tensor.shape)
      shapes.settle(type, tensor.shape)
    }
  }

  /// Makes values for the required inputs that have none.
  /// - Throws: `Failure`
  mutating func fillMissing(seed: UInt64, memoryLimit: Int) throws(Failure) {
    var filler = InputFiller(seed: seed, memoryLimit: memoryLimit)
    for info in required where values[info.name] == nil {
      let value = try filler.value(for: info, shapes: shapes)
      values[info.name] = value
      filled.append((info.name, value.type))
    }
  }

  /// Says on standard error what was filled.
  func printFilled(seed: UInt64) {
    for (name, type) in filled {
      let content = type.tensorType?.elementType.isFloatingPoint == true
      printError(
        "input '\(name)' \(type) is filled with \(content ? "noise of seed \(seed)" : "zeros")")
    }
  }

  /// What was filled, to follow an error that it may explain.
  var fillingNote: String {
    if filled.isEmpty { return "" }
    let list = filled.prefix(4).map { "'\($0.name)' \($0.type)" }.joined(separator: ", ")
    return " (filled in: \(list)\(filled.count > 4 ? ", …" : ""))"
  }
}
