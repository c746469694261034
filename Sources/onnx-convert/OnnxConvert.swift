import ArgumentParser
import ONNX
import ONNXConversion
import ToolSupport

@main
struct OnnxConvert: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-convert",
    abstract: "Converts models and checkpoints.",
    discussion: """
      FROM is a model (ONNX, its text syntax, protobuf's JSON or a ConvNetJS network in JSON) or a \
      checkpoint (\(CheckpointFormats.list())). Its content decides. TO is written in the format of \
      its extension: .onnx, .onnxtxt, .json, .dot, .svg, .safetensors or .npz.

      EXAMPLES:
        onnx-convert model.onnx weights.safetensors
        onnx-convert --to float16 checkpoint.pt weights.safetensors
        onnx-convert --graph model.onnx weights.pt out.onnx
        onnx-convert --architecture lenet5 lenet.pt lenet.onnx
        onnx-convert --opset 13 --simplify model.onnx older.onnx
        onnx-convert --to int8 model.onnx small.onnx
        onnx-convert model.onnx picture.svg
        onnx-convert convnetjs.json model.onnx

      The exit code is 0 on success and 2 on failure.
      """,
    version: "onnx-convert \(toolVersion)")

  @Argument(
    help: "The model or checkpoint to read; - stands for standard input.", completion: .file())
  var from: String
  @Argument(help: "The file to write.", completion: .file())
  var to: String
  @OptionGroup var weights: WeightOptions

  @OptionGroup var changes: ModelOptions

  @Flag(help: "Allow TO to replace FROM or another file that is read.")
  var force = false

  @OptionGroup var reading: ReadingArguments

  static func main() { runTool("onnx-convert", OnnxConvert.self) }

  mutating func validate() throws {
    guard to != "-" else {
      throw ValidationError("TO: expected a file; './-' names a file called '-'")
    }
  }

  mutating func perform() throws -> ExitStatus {
    if !force {
      try checkKeepsInputs([to, weights.report], [from, weights.graph], unless: "--force")
    }
    // Other readers look at a file several times.
    let file = try RegularFile(from, limit: longestStream)
    if try file.read({ try CheckpointFormats.format(ofFile: $0) }) == nil {
      guard !weights.makesModel else {
        // A file of another format is named.
        _ = try file.read { try Model(fileInAnyForm: $0, options: reading.options) }
        throw Failure("\(from): expected a checkpoint, got a model")
      }
      try write(try file.read { try Model(fileInAnyForm: $0, options: reading.options) })
      return .fine
    }
    let read = try file.read { try Weights(contentsOf: $0) }
    if weights.makesModel {
      try write(try weights.bind(read, reading.options))
      return .fine
    }
    guard isForWeights else {
      throw Failure(
        "\(to): expected the extension .safetensors or .npz; to make a model of a checkpoint, give "
          + "--graph or --architecture")
    }
    try converted(read).write(to: to)
    return .fine
  }

  /// A checkpoint with the element type of `--to`.
  private func converted(_ weights: Weights) throws -> Weights {
    var others = changes
    (others.precision, others.calibrate) = (nil, nil)
    guard !others.isAny else {
      throw Failure("\(from): these options need a model, but this is a checkpoint")
    }
    let types: [ModelOptions.Precision: ElementType] = [
      .float16: .float16, .bfloat16: .bfloat16, .float32: .float32,
    ]
    guard let precision = changes.precision else { return weights }
    guard let type = types[precision], changes.calibrate == nil else {
      throw Failure(
        "\(from): --to takes float16, bfloat16 or float32 for a checkpoint; the others need a model"
      )
    }
    let kept = NamePatterns(changes.keep)
    let names = weights.entries.map(\.name)
    if let pattern = kept.unmatched(by: names).first {
      throw Failure(
        "--keep: no tensor matches \(pattern.quoted)\(hint(forPattern: pattern, names))")
    }
    return weights.converted(to: type, keeping: kept)
  }

  /// Whether TO is a checkpoint.
  private var isForWeights: Bool { Weights.fileExtensions.contains { to.hasSuffix("." + $0) } }

  private func write(_ model: Model) throws {
    let model = try changes.apply(to: model) { print($0) }
    if isForWeights {
      try Weights(of: model).write(to: to)
    } else {
      try changes.write(model, to: to)
    }
  }
}
