import ArgumentParser
import ToolSupport

/// The tool `onnx-run`.
@main
struct OnnxRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-run",
    abstract: "Runs, compares, evaluates, measures and explains ONNX models.",
    discussion: """
      EXAMPLES:
        onnx-run models/lenet5.onnx --input image=models/digits/7.png
        onnx-run model.onnx --shape tokens=1x100 --output-dir out
        onnx-run compare float.onnx int8.onnx --bisect
        onnx-run eval models/lenet5.onnx mnist/
        onnx-run score model.onnx rows.parquet --output scores
        onnx-run test .build/cases/node
        onnx-run bench models/lenet5.onnx --threads 1
        onnx-run inspect models/lenet5.onnx
        onnx-run generate models/char_lstm.onnx --prompt ROMEO:

      'onnx-run MODEL' is short for 'onnx-run run MODEL'; 'onnx-run help run' shows its options.
      Exit codes: 0 success, 1 a result differs or a test case failed, 2 any other error.
      """,
    version: "onnx-run \(toolVersion)",
    subcommands: [
      RunCommand.self, CompareCommand.self, EvalCommand.self, ScoreCommand.self, TestCommand.self,
      BenchCommand.self, InspectCommand.self, GenerateCommand.self, ExplainCommand.self,
      OperatorsCommand.self,
      MachineCommand.self, TestWorkerCommand.self, MutationWorkerCommand.self,
      BenchWorkerCommand.self,
    ],
    defaultSubcommand: RunCommand.self)

  static func main() { runTool("onnx-run", OnnxRun.self) }
}
