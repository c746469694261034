import ArgumentParser
import ToolSupport

@main
struct OnnxTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-train",
    abstract: "Trains models, new ones or anybody's ONNX files, and writes them as ONNX.",
    discussion: """
      EXAMPLES:
        onnx-train new lenet5 --data mnist/ --epochs 20 --output lenet5.onnx
        onnx-train new char-lstm --data shakespeare.txt --output char.onnx
        onnx-train new parity --output parity.onnx
        onnx-train tune model.onnx --data pictures/ --replace-head 5 --freeze 'conv*' \\
          --output tuned.onnx

      With --checkpoint FILE a training that was stopped goes on with --resume, to the same bits.
      Exit code: 0 fine, 2 anything that stopped the work, 130 stopped with Ctrl-C.
      """,
    subcommands: [NewCommand.self, TuneCommand.self, TimeCommand.self])

  static func main() { runTool("onnx-train", OnnxTrain.self) }
}
