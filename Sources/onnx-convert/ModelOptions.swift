import ArgumentParser
import ONNX
import ONNXConversion
import ToolSupport

/// What is to become of a model between reading and writing, in the order of the options here.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep what makes these outputs of these inputs, values of the graph; either list may be empty.",
      valueName: "in,…:out,…"))
  var extract: String?

  @Option(
    help: ArgumentHelp(
      "Give a free dimension of the inputs, or INPUT[AXIS], a size, another name, or none.",
      valueName: "name=n|free"))
  var setDim: [String] = []

  @Flag(help: "Expand functions, compute what is constant, remove what nothing depends on.")
  var simplify = false

  @Option(
    help: ArgumentHelp(
      "Follow the rules of another operator set, of ai.onnx or of a domain that is named.",
      valueName: "n|domain=n"))
  var opset: [String] = []

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp(
      "Numbers: float16, bfloat16 or float32; int8 (products, activations at each run), qdq (int8, "
        + "activations by --calibrate), int4 (weights of matrix products)."))
  var precision: Precision?

  @Option(
    help: ArgumentHelp(
      "Nodes that --to leaves as they are, by name or operator; * stands for any letters.",
      valueName: "pattern"))
  var keep: [String] = []

  @Option(
    help: ArgumentHelp(
      "Typical inputs, .npz with arrays named as the inputs, or .npy for the only one; else noise.",
      valueName: "dir"))
  var calibrate: String?

  @Option(
    help: ArgumentHelp("Give a value another name.", valueName: "old=new"))
  var rename: [String] = []

  @Flag(help: "Remove doc strings, metadata, the producer, and types of values in between.")
  var strip = false

  @Option(
    help: ArgumentHelp(
      "Write tensors of at least so many bytes to a second file, TO.data.", valueName: "size"))
  var external: Int?

  @Flag(help: "Write one file, whatever FROM is; so it is without --external, too.")
  var merge = false

  enum Precision: String, ExpressibleByArgument, CaseIterable {
    case float16, bfloat16, float32, int8, qdq, int4
  }

  func validate() throws {
    if let external {
      guard external >= 0 else {
        throw ValidationError("--external: expected a size in bytes, got \(external)")
      }
      guard !merge else { throw ValidationError("--external and --merge exclude each other") }
    }
    if precision == nil, !keep.isEmpty || calibrate != nil {
      throw ValidationError("--keep and --calibrate belong to --to")
    }
  }

  /// Whether anything is asked for.
  var isAny: Bool {
    simplify || strip || merge || extract != nil || precision != nil || external != nil
      || !(setDim + opset + rename).isEmpty
  }

  /// The model after all that was asked for.
  /// - Parameter report: takes a line about what was done
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
        throw Failure("--set-dim \(argument): a size is 0 or more")
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

  /// Writes a model, or its picture, by the file's extension.
  func write(_ model: Model, to path: String) throws {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    switch name.contains(".") ? name.split(separator: ".").last?.lowercased() : nil {
    case "dot": try writeText(GraphDrawing(model).dot, to: path)
    case "svg": try writeText(try GraphDrawing(model).svg(), to: path)
    case "onnxtxt", "json":
      if external != nil { throw Failure("--external: texts hold their tensors themselves") }
      for loss in try model.write(to: path, as: ModelForm(forPath: path)) {
        print(loss.escaped)
      }
    case let ending? where !["onnx", "pb"].contains(ending):
      throw Failure(
        "\(path): expected .onnx, .onnxtxt, .json, .dot, .svg, .safetensors or .npz to write")
    default:
      var options = WritingOptions()
      if let external {
        options.externalData = ExternalDataOptions(name: "\(name).data", threshold: external)
      }
      try model.write(to: path, options: options)
    }
  }

  /// Names may hold colons: of those in the argument the last counts that leaves names of values on
  /// both sides.
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
    // A name may hold the sign too; what is behind it does not.
    guard let split = argument.lastIndex(of: "="), split > argument.startIndex,
      argument.index(after: split) < argument.endIndex
    else { throw Failure("\(option) \(argument): expected \(expected)") }
    return (String(argument[..<split]), String(argument[argument.index(after: split)...]))
  }
}

extension ModelOptions {
  private func convert(
    _ model: Model, to precision: Precision, _ report: (String) -> Void
  ) throws -> Model {
    let kept = NamePatterns(keep)
    let samples = try samples(for: model)
    let result: Model
    switch precision {
    case .float16, .bfloat16:
      let (made, left) = try model.narrowed(
        to: precision == .float16 ? .float16 : .bfloat16, keeping: kept, samples: samples)
      if !left.isEmpty {
        let list = left.prefix(8).joined(separator: ", ")
        report("\(left.count) nodes keep float32: \(list)\(left.count > 8 ? ", …" : "")")
      }
      result = made
    case .float32: result = try model.widened()
    case .int8:
      let (made, count) = try model.dynamicallyQuantized(keeping: kept)
      report("\(count) products in int8")
      result = made
    case .qdq:
      let (made, count) = try model.staticallyQuantized(calibratedBy: samples, keeping: kept)
      report("\(count) products in int8, calibrated by \(samples.count) runs")
      result = made
    case .int4:
      let (made, count) = try model.blockQuantized(keeping: kept)
      report("\(count) products with weights in int4")
      result = made
    }
    guard precision != .float32 else { return result }
    let difference = try ModelDifference(from: model, to: result, on: samples)
    func milliseconds(_ time: Duration) -> String { formatted(time / .milliseconds(1)) }
    report(
      """
      constants: \(difference.bytesBefore) bytes before, \(difference.bytesAfter) after; \
      a run: \(milliseconds(difference.timeBefore)) ms before, \
      \(milliseconds(difference.timeAfter)) ms after
      """)
    if !difference.largestDifference.isFinite {
      report("warning: outputs are infinite or no numbers where they were numbers before")
    }
    let source = calibrate == nil ? "noise" : "\(samples.count) samples"
    report(
      """
      outputs on \(source): largest difference \(formatted(difference.largestDifference)), \
      largest number \(formatted(difference.largestOutput))
      """)
    return result
  }

  /// Inputs for runs: those in the folder, or noise.
  private func samples(for model: Model) throws -> [[String: Value]] {
    let session = try Session(model)
    let inputs = session.inputs
    guard let calibrate else {
      let shapes = try InputShapes(inputs, requested: [:])
      return try (0..<4).map { seed in
        var filler = InputFiller(seed: UInt64(seed), memoryLimit: session.memoryLimit)
        var sample: [String: Value] = [:]
        for input in inputs { sample[input.name] = try filler.value(for: input, shapes: shapes) }
        return sample
      }
    }
    var samples: [[String: Value]] = []
    for file in try entries(of: calibrate).sorted() {
      let path = "\(calibrate)/\(file)"
      if file.hasSuffix(".npz") {
        var sample: [String: Value] = [:]
        for (name, tensor) in try readTensors(npz: path) {
          guard let input = inputs.first(where: { $0.name == name }) else { continue }
          sample[name] = .tensor(try narrowed(tensor, to: input.type?.tensorType?.elementType))
        }
        if let missing = inputs.first(where: { sample[$0.name] == nil }) {
          throw Failure("\(path): no array '\(missing.name)'")
        }
        samples.append(sample)
      } else if file.hasSuffix(".npy") {
        guard inputs.count == 1 else {
          throw Failure("\(path): the model has \(inputs.count) inputs, so .npz is needed")
        }
        samples.append([inputs[0].name: try readValue(path, inputs[0].type)])
      }
    }
    guard !samples.isEmpty else { throw Failure("\(calibrate): no .npz or .npy files") }
    return samples
  }
}
