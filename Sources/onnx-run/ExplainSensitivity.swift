import ArgumentParser
import Glibc
import ONNX
import ToolSupport

/// Draws how much each step of the output depends on each step of the input.
struct ExplainSensitivity: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "sensitivity",
    abstract: "How much each step of the output depends on each step of a recurrent layer's input.",
    discussion: """
      A row for each step of the output, or one where it has no steps; a column for each step of the
      input of the node. A cell is the length of the gradient of the row's best score by what the
      node reads at that step.

      EXAMPLES:
        onnx-run explain sensitivity models/char_gru.onnx --prompt "ROMEO:" --output steps.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  @Flag(help: "Show powers of ten, so that what is small can be seen.")
  var logarithmic = false

  private static let stepLimit = 2000

  func perform() throws -> ExitStatus {
    var model = try ExplainedModel(arguments)
    let node = try model.node(
      arguments.node, "recurrent layer", where: ExplainedModel.isRecurrent)
    _ = try model.read(inputs)
    let name = try model.scores()
    let found = try model.tensors([name, node.inputs[0]])
    guard let scores = found[name], let x = found[node.inputs[0]], x.shape.count == 3,
      scores.count > 0, x.count > 0
    else { throw Failure("\(arguments.model): the node or the output has no elements") }
    var isBatchFirst = false
    if case .int(1)? = node.attribute("layout")?.value { isBatchFirst = true }
    let steps = isBatchFirst ? x.shape[1] : x.shape[0]
    guard steps <= Self.stepLimit else {
      throw Failure("\(arguments.model): expected at most \(Self.stepLimit) steps, found \(steps)")
    }
    let best = try Self.best(scores, name, steps: steps)
    let gradient = try model.gradient(of: name, by: node.inputs[0])
    var rows: [Float] = []
    try showing("differentiating \(arguments.model.escaped)") { () throws(Failure) in
      for place in best {
        let result = try gradient(scores.unit(at: place))
        rows += Self.norms(
          try result.floats(node.inputs[0]), shape: x.shape, isBatchFirst: isBatchFirst)
      }
    }
    if logarithmic { rows = rows.map { log10($0) } }
    var map = HeatMap(
      "sensitivity of \(name) by \(ExplainedModel.label(node))", rows: best.count, columns: steps,
      values: rows)
    map.columnLabels = model.tokens.count == steps ? model.tokens : []
    map.rowLabels =
      best.count == steps && model.tokens.count == steps ? model.tokens.map(Self.visible) : []
    map.xLabel = "step of the input" + (logarithmic ? " (colours are powers of ten)" : "")
    map.hasTwoSides = false
    map.yLabel = best.count > 1 ? "step of the output" : ""
    let side = max(1, min(24, 900 / max(steps, best.count)))
    try map.image(
      cell: (max(side, map.columnLabels.isEmpty ? 1 : 8), max(side, best.count > 1 ? 1 : 24))
    )
    .savePNG(to: arguments.output)
    return .fine
  }

  private static func visible(_ token: String) -> String {
    token == " " ? "_" : token == "\n" ? "$" : token
  }

  /// The place of the best score of each step, or of all where there are none, in the first example.
  static func best(_ scores: Tensor, _ name: String, steps: Int) throws(Failure) -> [Int] {
    let values = try scores.floats(name)
    let shape = scores.shape
    func best(_ places: some Sequence<Int>) -> Int {
      places.max { values[$0] < values[$1] } ?? 0
    }
    // [N, T, …], or [T, N, …]
    if shape.count >= 3, shape[1] == steps {
      let size = shape[2...].reduce(1, *)
      return (0..<steps).map { best($0 * size..<($0 + 1) * size) }
    }
    if shape.count >= 3, shape[0] == steps {
      let size = shape[1...].reduce(1, *)
      let inner = shape[2...].reduce(1, *)
      return (0..<steps).map { best($0 * size..<$0 * size + inner) }
    }
    let size = shape.dropFirst().reduce(1, *)
    return [best(0..<size)]
  }

  /// The length of the gradient at each step of the first example.
  private static func norms(
    _ gradient: [Float], shape: [Int], isBatchFirst: Bool
  ) -> [Float] {
    let size = shape[2]
    let steps = isBatchFirst ? shape[1] : shape[0]
    let stride = isBatchFirst ? size : shape[1] * size
    guard gradient.count == shape.reduce(1, *) else { return [] }
    return (0..<steps).map { step in
      gradient[step * stride..<step * stride + size].reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
  }
}
