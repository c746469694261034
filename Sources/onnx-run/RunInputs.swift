import ONNXAudio
import ONNXFormat
import ONNXImages
import ONNXInterpreter
import ToolSupport

/// Values for the inputs of a model, from files or filled in.
struct RunInputs {
  let required: [ValueInfo]
  private let all: [ValueInfo]
  private var shapes: InputShapes
  private(set) var values: [String: Value] = [:]
  /// The pictures among the inputs.
  private(set) var pictures: [Image] = []
  private(set) var filled: [(name: String, type: ValueType)] = []
  /// The names of the inputs that are sounds.
  private var sounds: [String] = []
  let metadata: [MetadataEntry]
  /// Bytes that the values may take.
  private let memoryLimit: Int

  /// - Parameter requestedShapes: the arguments of `--shape`, `NAME=SIZExSIZE…`
  /// - Throws: `Failure` for a bad shape
  init(_ session: Session, requestedShapes: [String]) throws(Failure) {
    memoryLimit = session.memoryLimit
    metadata = session.metadata
    required = session.inputs
    all = session.inputs + session.optionalInputs
    shapes = try InputShapes(
      all, requested: parseShapes(requestedShapes, names: all.map(\.name)))
  }

  /// Reads the arguments of `--input`, `NAME=FILE` or `FILE`. An archive without a name gives the inputs
  /// named in it; other files without a name give the remaining required inputs in order.
  /// - Throws: `Failure`, with the path or the input's name
  mutating func read(
    _ arguments: [String], _ form: InputForm
  ) throws(Failure) {
    let names = all.map(\.name)
    let parsed = arguments.map { NamedArgument($0, names: names) }
    var unnamed: [String] = []
    for argument in parsed {
      if let name = argument.name, let info = all.first(where: { $0.name == name }) {
        try read(argument.text, into: info, form)
      } else {
        unnamed.append(argument.text)
      }
    }
    for path in unnamed {
      // The part before a `=` was meant as a name, unless a file has this name.
      if let split = path.firstIndex(of: "="), !fileExists(path) {
        throw unknownName(String(path[..<split]), "input", among: names)
      }
      let file = try RegularFile(path, limit: memoryLimit)
      let kind = try file.read { path in try ValueFileKind(ofFile: path) }
      if kind == .npz {
        try file.read { path in try readArchive(path) }
      } else if let info = required.first(where: { values[$0.name] == nil }) {
        try file.read { path in try read(file: path, into: info, form) }
      } else {
        throw Failure("--input \(path): all inputs of the model have a value already")
      }
    }
    if form.sampleRate != nil, sounds.isEmpty {
      throw Failure("--sample-rate: no input is a sound")
    }
  }

  private mutating func read(
    _ path: String, into info: ValueInfo, _ form: InputForm
  ) throws(Failure) {
    let file = try RegularFile(path, limit: memoryLimit)
    try file.read { path in try read(file: path, into: info, form) }
  }

  private mutating func read(
    file path: String, into info: ValueInfo, _ form: InputForm
  ) throws(Failure) {
    let limits = try limits(of: path)
    switch try ValueFileKind(ofFile: path) {
    case .picture:
      do {
        let image = try Image(contentsOf: path, pixelLimit: pixelLimit)
        pictures.append(image)
        let normalization =
          try form.normalization ?? PictureNormalization.stated(in: metadata)
          ?? PictureNormalization()
        try set(info, .tensor(tensor(image, for: info, shapes: shapes, normalization)))
      } catch {
        throw Failure(path, error)
      }
    case .sound:
      do {
        let sound = try Sound(contentsOf: path, sampleLimit: sampleLimit)
        let rate = try form.sampleRate ?? statedSampleRate(metadata) ?? sound.rate
        try set(
          info,
          .tensor(
            tensor(
              sound.resampled(to: rate, sampleLimit: sampleLimit), for: info, shapes: shapes)))
        sounds.append(info.name)
      } catch let error as FormatError {
        throw Failure("\(error)")
      } catch {
        throw Failure(path, error)
      }
    case .npz:
      let tensors = try readTensors(npz: path, limits)
      guard let entry = tensors.first(where: { $0.name == info.name }) ?? tensors.first,
        tensors.count == 1 || entry.name == info.name
      else {
        throw Failure(
          "\(path): none of the \(tensors.count) arrays is named \(info.name.quoted)")
      }
      try set(info, entry.tensor, path)
    case .npy, .message: try set(info, readValue(path, info.type, limits))
    }
  }

  private mutating func readArchive(_ path: String) throws(Failure) {
    for (name, tensor) in try readTensors(npz: path, try limits(of: path)) {
      guard let info = all.first(where: { $0.name == name }) else {
        throw Failure(path, unknownName(name, "input", among: all.map(\.name)))
      }
      try set(info, tensor, path)
    }
  }

  /// The limits for a file: it may take the memory that other inputs have left.
  private func limits(of path: String) throws(Failure) -> ReadingLimits {
    let used = values.values.reduce(0) { $0 + ($1.tensor?.storage.byteCount ?? 0) }
    let left = max(memoryLimit - used, 0)
    let size = try fileSize(path)
    guard size <= left else {
      throw Failure(
        "\(path): the file has \(size) bytes; \(left) are left of the memory limit of "
          + "\(memoryLimit), which --max-memory sets")
    }
    return ReadingLimits(mostMemory: left)
  }

  /// A pixel takes up to three bytes when decoded and twelve as numbers, once more where it is scaled.
  private var pixelLimit: Int { min(Image.defaultPixelLimit, max(memoryLimit / 16, 1)) }

  /// A sample takes four bytes when decoded, and four more each time that it is converted.
  private var sampleLimit: Int { min(Sound.defaultSampleLimit, max(memoryLimit / 16, 1)) }

  private mutating func set(
    _ info: ValueInfo, _ tensor: Tensor, _ path: String
  ) throws(Failure) {
    let value: Value
    do {
      value = .tensor(try narrowed(tensor, to: info.type?.tensorType?.elementType))
    } catch { throw Failure(path, error) }
    try set(info, value)
  }

  /// Sets the value of an input.
  /// - Throws: `Failure` for an input that has a value already, or a shape other than requested
  mutating func give(_ name: String, _ tensor: Tensor) throws(Failure) {
    try give(name, .tensor(tensor))
  }

  /// Sets the value of an input.
  /// - Throws: `Failure` for an input that has a value already, or a shape other than requested
  mutating func give(_ name: String, _ value: Value) throws(Failure) {
    guard let info = all.first(where: { $0.name == name }) else {
      throw unknownName(name, "input", among: all.map(\.name))
    }
    try set(info, value)
  }

  private mutating func set(_ info: ValueInfo, _ value: Value) throws(Failure) {
    guard values.updateValue(value, forKey: info.name) == nil else {
      throw Failure("input \(info.name.quoted) is given more than once")
    }
    if let tensor = value.tensor, let type = info.type?.tensorType {
      try shapes.check(info, tensor.shape)
      shapes.settle(type, tensor.shape)
    }
  }

  /// Fills the required inputs without a value: with random numbers, zeros, or an empty sequence or
  /// optional.
  /// - Throws: `Failure` for an input that cannot be filled
  mutating func fillMissing(seed: UInt64, memoryLimit: Int) throws(Failure) {
    var filler = InputFiller(seed: seed, memoryLimit: memoryLimit)
    for info in required where values[info.name] == nil {
      let value = try filler.value(for: info, shapes: shapes)
      values[info.name] = value
      filled.append((info.name, value.type))
    }
  }

  /// Lists the filled inputs on standard error.
  func printFilled(seed: UInt64) {
    for (name, type) in filled {
      let content = type.tensorType?.elementType.isFloatingPoint == true
      printError(
        "input \(name.quoted) \(type) is filled with "
          + (content ? "random numbers, seed \(seed)" : "zeros")
      )
    }
  }

  /// A list of the filled inputs and sounds, to append to an error that they may explain.
  var fillingNote: String {
    if filled.isEmpty {
      // A sound may be too short for the model's windows.
      guard let name = sounds.first, let shape = values[name]?.tensor?.shape else { return "" }
      let longer = shape.map { $0 == shape.max() ? "N" : "\($0)" }.joined(separator: "x")
      return " (the sound \(name.quoted) has the shape \(Shape(shape)); "
        + "--shape \(name)=\(longer) adds silence up to N samples)"
    }
    let list = filled.prefix(4).map { "\($0.name.quoted) \($0.type)" }.joined(separator: ", ")
    let isFree = required.contains { info in
      filled.contains { $0.name == info.name }
        && info.type?.tensorType?.shape?.sizes == nil
    }
    return " (filled: \(list)\(filled.count > 4 ? ", …" : "")"
      + (isFree ? "; --shape sets other sizes)" : ")")
  }
}
