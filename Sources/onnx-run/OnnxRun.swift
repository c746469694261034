import ArgumentParser
import ToolSupport

@main
struct OnnxRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-run",
    abstract: "Runs, tests, measures and shows ONNX models.",
    discussion: """
      EXAMPLES:
        onnx-run models/lenet5.onnx --input image=models/digits/7.png
        onnx-run model.onnx --shape tokens=1x100 --output-dir out
        onnx-run test .build/cases/node
        onnx-run bench models/lenet5.onnx --threads 1
        onnx-run inspect models/lenet5.onnx
        onnx-run generate models/char_lstm.onnx --prompt ROMEO:

      'onnx-run MODEL' is short for 'onnx-run run MODEL'; 'onnx-run help run' shows its options.
      Exit code: 0 fine, 1 a result differs or a case failed, 2 anything that stopped the work.
      """,
    subcommands: [
      RunCommand.self, TestCommand.self, BenchCommand.self, InspectCommand.self,
      GenerateCommand.self, ExplainCommand.self, OperatorsCommand.self, TestWorkerCommand.self,
      MutationWorkerCommand.self, BenchWorkerCommand.self, MachineCommand.self,
    ],
    defaultSubcommand: RunCommand.self)

  static func main() { runTool("onnx-run", OnnxRun.self) }
}
