import ArgumentParser
import ONNX
import ToolSupport

/// Draws the gates of a recurrent layer over a text.
struct ExplainGates: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "gates",
    abstract: "The gates of an LSTM, GRU or RNN, a column for each step.",
    discussion: """
      Red is 1, white 0, blue -1, and what is beyond, as cells can be, is drawn as that. The units drawn are those whose gates change most.

      EXAMPLES:
        onnx-run explain gates models/char_lstm.onnx --prompt "To be, or not" --output gates.png
        onnx-run explain gates model.onnx --node lstm2 --input x.npy --units 20 --output g.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  @Option(parsing: .unconditional, help: "Units to draw for each gate.")
  var units = 10

  @Flag(help: "The direction from the end, of a layer that reads both ways.")
  var reverse = false

  func validate() throws {
    guard units > 0 else { throw ValidationError("--units: expected at least 1, got \(units)") }
  }

  func perform() throws -> ExitStatus {
    var model = try ExplainedModel(arguments)
    let node = try model.node(
      arguments.node, "recurrent layer", where: ExplainedModel.isRecurrent)
    _ = try model.read(inputs)
    let trace = try model.gates(node, reverse: reverse)

    let count = min(units, trace.units)
    let changes = (0..<trace.units).map { unit in
      // The states are not gates, but an RNN has nothing else.
      trace.values.dropLast(trace.parts.count > 1 ? 1 : 0).reduce(0) { sum, values in
        sum
          + (1..<max(1, trace.steps)).reduce(Float(0)) { sum, step in
            sum + abs(values[step * trace.units + unit] - values[(step - 1) * trace.units + unit])
          }
      }
    }
    let chosen = changes.indices.sorted { changes[$0] > changes[$1] }.prefix(count).sorted()
    var rows: [Float] = []
    var labels: [String] = []
    for (part, values) in zip(trace.parts, trace.values) {
      if !rows.isEmpty {
        // A line between gates.
        rows += [Float](repeating: .nan, count: trace.steps)
        labels.append("")
      }
      for unit in chosen {
        rows += (0..<trace.steps).map { values[$0 * trace.units + unit] }
        labels.append("\(part.letter) \(unit)")
      }
    }
    var map = HeatMap(
      "\(node.operatorType) \(ExplainedModel.label(node))", rows: labels.count,
      columns: trace.steps, values: rows)
    map.rowLabels = labels
    map.columnLabels = model.tokens
    map.range = -1...1
    map.xLabel = trace.parts.map { "\($0.letter): \($0.name)" }.joined(separator: "   ")
    let height = max(9, min(16, 900 / labels.count))
    try map.image(cell: (max(8, min(24, 1100 / trace.steps)), height))
      .savePNG(to: arguments.output)
    return .fine
  }
}
