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
      The content of FROM decides how it is read: an ONNX model, or weights as safetensors, .npz, or
      what PyTorch's torch.save writes. The extension of TO decides what is written: .onnx,
      .safetensors or .npz.

        onnx-convert model.onnx weights.safetensors
        onnx-convert --graph model.onnx weights.pt out.onnx
        onnx-convert --architecture lenet5 lenet.pt lenet.onnx

      Exit code: 0 fine, 2 anything that stopped the work.
      """)

  @Argument(help: "The model or the weights to read.") var from: String
  @Argument(help: "The file to write.") var to: String
  @OptionGroup var weights: WeightOptions

  static func main() { runTool("onnx-convert", OnnxConvert.self) }

  mutating func perform() throws -> ExitStatus {
    let writesWeights = Weights.fileExtensions.contains { to.hasSuffix("." + $0) }
    let kind = try FileKind(ofFile: from)
    if kind != .model {
      let read = try Weights(contentsOf: from)
      guard weights.makesModel else {
        guard writesWeights else {
          throw Failure(
            "\(to): weights alone are written as .safetensors or .npz; --graph or --architecture "
              + "makes a model of them")
        }
        try read.write(to: to)
        return .fine
      }
      try write(try weights.bind(read), asWeights: writesWeights)
    } else {
      guard !weights.makesModel else { throw Failure("\(from): expected weights, got a model") }
      try write(try Model(contentsOf: from), asWeights: writesWeights)
    }
    return .fine
  }

  private func write(_ model: Model, asWeights: Bool) throws {
    if asWeights {
      try Weights(of: model).write(to: to)
    } else {
      try model.write(to: to)
    }
  }
}
