import ArgumentParser
import ToolSupport

@main
struct OnnxTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-train",
    abstract: "Train models, built-in or from an ONNX file, and write them as ONNX.",
    discussion: """
      EXAMPLES:
        onnx-train new lenet5 --data mnist/ --epochs 20 --output lenet5.onnx
        onnx-train new char-lstm --data shakespeare.txt --output char.onnx
        onnx-train new parity --output parity.onnx
        onnx-train tune model.onnx --data pictures/ --replace-head 5 \\
          --freeze 'conv*' --output tuned.onnx

      With --checkpoint FILE, an interrupted run can be continued with --resume. The result has \
      the same bits as that of an uninterrupted run.

      The ranks of one training share its batches, and make the same model as one with --shards 4:
        mpirun -n 4 onnx-train new lenet5 --data mnist/ --output lenet5.onnx --distributed

      Exit code: 0 success, 2 error, 130 interrupted with Ctrl-C.
      """,
    version: "onnx-train \(toolVersion)",
    subcommands: [NewCommand.self, TuneCommand.self, CompareCommand.self, TimeCommand.self])

  static func main() {
    Ranks.silenceOthers()
    runTool("onnx-train", OnnxTrain.self)
  }
}
