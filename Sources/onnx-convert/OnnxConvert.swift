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
      The content of FROM decides how it is read: a model (ONNX, its text syntax, or protobuf's JSON)
      or weights (safetensors, .npz, what PyTorch's torch.save writes, the index of several files). The extension of TO decides
      what is written: .onnx, .onnxtxt, .json, .dot, .svg, .safetensors or .npz.

        onnx-convert model.onnx weights.safetensors
        onnx-convert --to float16 checkpoint.pt weights.safetensors
        onnx-convert --graph model.onnx weights.pt out.onnx
        onnx-convert --architecture lenet5 lenet.pt lenet.onnx
        onnx-convert --opset 13 --simplify model.onnx older.onnx
        onnx-convert --to int8 model.onnx small.onnx
        onnx-convert model.onnx picture.svg

      Exit code: 0 fine, 2 anything that stopped the work.
      """)

  @Argument(help: "The model or the weights to read.") var from: String
  @Argument(help: "The file to write.") var to: String
  @OptionGroup var weights: WeightOptions

  @OptionGroup var changes: ModelOptions

  static func main() { runTool("onnx-convert", OnnxConvert.self) }

  mutating func perform() throws -> ExitStatus {
    if try CheckpointFormats.format(ofFile: from) == nil {
      guard !weights.makesModel else { throw Failure("\(from): expected weights, got a model") }
      try write(try Model(fileInAnyForm: from))
      return .fine
    }
    let read = try Weights(contentsOf: from)
    if weights.makesModel {
      try write(try weights.bind(read))
      return .fine
    }
    guard isForWeights else {
      throw Failure(
        "\(to): weights alone are written as .safetensors or .npz; --graph or --architecture makes a "
          + "model of them")
    }
    try converted(read).write(to: to)
    return .fine
  }

  /// Weights alone, in another type where one is asked for.
  private func converted(_ weights: Weights) throws -> Weights {
    var others = changes
    (others.precision, others.calibrate) = (nil, nil)
    guard !others.isAny else { throw Failure("\(from): expected a model to change, got weights") }
    let types: [ModelOptions.Precision: ElementType] = [
      .float16: .float16, .bfloat16: .bfloat16, .float32: .float32,
    ]
    guard let precision = changes.precision else { return weights }
    guard let type = types[precision], changes.calibrate == nil else {
      throw Failure(
        "\(from): weights alone become float16, bfloat16 or float32; the rest of --to needs a model"
      )
    }
    return weights.converted(to: type, keeping: NamePatterns(changes.keep))
  }

  /// Whether TO holds weights.
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
