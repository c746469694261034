import ArgumentParser
import ONNX
import ONNXConversion
import ToolSupport

/// Options that change a model between reading and writing. They apply in the order given here.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep the part of the graph that computes OUT from IN, names of values; an empty list stands for the graph's own.",
      valueName: "in,…:out,…"))
  var extract: String?

  @Option(
    help: ArgumentHelp(
      "Set a named dimension of the inputs, or INPUT[AXIS], to a size, to another name, or free.",
      valueName: "name=n|free"))
  var setDim: [String] = []

  @Flag(
    help:
      "Inline functions, compute constant expressions, fold normalizations, and remove redundant nodes."
  )
  var simplify = false

  @Option(
    help: ArgumentHelp(
      "Convert to version N of an operator set, by default that of ai.onnx.",
      valueName: "n|domain=n"))
  var opset: [String] = []

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp(
      "Convert the element type: float16, bfloat16 or float32; or quantize: int8 (weights, and "
        + "activations at each run), qdq (weights, and activations by --calibrate), int4 (weights of "
        + "matrix products)."))
  var precision: Precision?

  @Option(
    help: ArgumentHelp(
      "Names, operators or PyTorch modules of nodes that --to does not change; * stands for any characters.",
      valueName: "pattern"))
  var keep: [String] = []

  @Option(
    help: ArgumentHelp(
      "A folder of typical inputs: .npz with an array for each input, or .npy for a single input. The default is noise.",
      valueName: "dir"), completion: .directory)
  var calibrate: String?

  @Flag(help: "Skip the runs that compare the model before and after --to.")
  var noTrial = false

  @Option(
    help: ArgumentHelp("Rename a value.", valueName: "old=new"))
  var rename: [String] = []

  @Flag(help: "Remove doc strings, metadata, the producer, and types of intermediate values.")
  var strip = false

  @Option(
    help: ArgumentHelp(
      "Write tensors of at least SIZE bytes, as in 1KB or 16MB, to a second file, TO.data.",
      valueName: "size"), transform: parseBytes)
  var external: Int?

  @Flag(help: "Write a single file, which is the default.")
  var merge = false

  enum Precision: String, ExpressibleByArgument, CaseIterable {
    case float16, bfloat16, float32, int8, qdq, int4
  }

  func validate() throws {
    if external != nil {
      guard !merge else { throw ValidationError("--external and --merge exclude each other") }
    }
    if precision == nil, !keep.isEmpty || calibrate != nil || noTrial {
      throw ValidationError("--keep, --calibrate and --no-trial belong to --to")
    }
  }

  /// Whether any option is given.
  var isAny: Bool {
    simplify || strip || merge || extract != nil || precision != nil || external != nil
      || !(setDim + opset + rename).isEmpty
  }

  /// The model with all changes.
  /// - Parameter report: receives lines about the changes
  /// - Throws: `ModelError`, `ConversionError`, `Failure`
  func apply(to model: Model, report: (String) -> Void) throws -> Model {
    var model = model
    if let extract {
      model = try Self.part(of: model, extract)
    }
    for argument in setDim {
      let (name, value) = try Self.pair(argument, "--set-dim", "NAME=N or NAME=free")
      let dimension: Dimension =
        value == "free" ? .unknown : Int(value).map { .size($0) } ?? .symbol(value)
      if case .size(let size) = dimension, size < 0 {
        throw Failure("--set-dim \(argument): expected a size of 0 or more")
      }
      model = try model.setting(DimensionChoice(name), to: dimension)
    }
    if simplify {
      let count = model.graph.nodes.count
      model = try model.simplified()
      report("simplified: \(count) nodes before, \(model.graph.nodes.count) after")
    }
    for argument in opset {
      let pair =
        argument.contains("=")
        ? try Self.pair(argument, "--opset", "N or DOMAIN=N") : ("", argument)
      guard let version = Int(pair.1) else {
        throw Failure("--opset \(argument): expected N or DOMAIN=N")
      }
      model = try model.converted(toOperatorSet: version, domain: pair.0)
    }
    if let precision { model = try convert(model, to: precision, report) }
    if !rename.isEmpty {
      var names: [String: String] = [:]
      for argument in rename {
        let (old, new) = try Self.pair(argument, "--rename", "OLD=NEW")
        guard names.updateValue(new, forKey: old) == nil else {
          throw Failure("--rename: '\(old)' is given twice")
        }
      }
      model = try model.renaming(names)
    }
    return strip ? model.stripped() : model
  }

  /// Writes a model, or a drawing of it, in the format of the file's extension.
  func write(_ model: Model, to path: String) throws {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    switch name.contains(".") ? name.split(separator: ".").last?.lowercased() : nil {
    case "dot": try writeText(GraphDrawing(model).dot, to: path)
    case "svg": try writeText(try GraphDrawing(model).svg(), to: path)
    case "onnxtxt", "json":
      if external != nil {
        throw Failure("--external: expected an .onnx file, as texts contain their tensors")
      }
      for loss in try model.write(to: path, as: ModelForm(forPath: path)) {
        print(loss.escaped)
      }
    case let ending? where !["onnx", "pb"].contains(ending):
      throw Failure(
        "\(path): expected the extension .onnx, .onnxtxt, .json, .dot, .svg, .safetensors or .npz")
    default:
      var options = WritingOptions()
      if let external {
        options.externalData = ExternalDataOptions(name: "\(name).data", threshold: external)
      }
      try model.write(to: path, options: options)
    }
  }

  /// The part of a model between values. Names may contain colons, so the last colon with valid names
  /// on both sides separates the lists.
  private static func part(of model: Model, _ argument: String) throws -> Model {
    var problem: any Error = Failure("--extract \(argument): expected IN,…:OUT,…")
    for colon in argument.indices.reversed() where argument[colon] == ":" {
      let lists = [argument[..<colon], argument[argument.index(after: colon)...]].map {
        $0.split(separator: ",").map(String.init)
      }
      do { return try model.extracting(inputs: lists[0], outputs: lists[1]) } catch {
        problem = error
      }
    }
    throw problem
  }

  private static func pair(
    _ argument: String, _ option: String, _ expected: String
  ) throws -> (String, String) {
    // Names may contain the sign, values do not.
    guard let split = argument.lastIndex(of: "="), split > argument.startIndex,
      argument.index(after: split) < argument.endIndex
    else { throw Failure("\(option) \(argument): expected \(expected)") }
    return (String(argument[..<split]), String(argument[argument.index(after: split)...]))
  }
}
