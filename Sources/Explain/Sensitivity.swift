import Glibc
import ONNXFormat
import ONNXImages
import ONNXText
internal import ONNXPlots

/// The dependence of each step of a model's output on each step of a recurrent layer's input: the
/// Euclidean norm of the gradient of the step's best score.
public struct Sensitivity: Sendable {
  /// The name of the recurrent layer.
  public let node: String
  /// The name of the scores.
  public let output: String
  /// The explained steps of the output; 1 for an output without steps.
  public let rows: Int
  /// The steps of the layer's input.
  public let columns: Int
  /// The norms, `[rows, columns]`.
  public let values: [Float]
  /// The best score of each row: of a token of the model's vocabulary, or of a class.
  public let best: [ClassScore]

  /// The norms as a heat map with a row for each step of the output.
  /// - Parameters:
  ///   - tokens: the text of each step of the input, as labels; or empty
  ///   - isLogarithmic: whether colours show powers of ten, which makes small norms visible
  /// - Throws: `ImageError` for a picture that is too large
  public func image(
    tokens: [String] = [], isLogarithmic: Bool = false
  ) throws(ImageError) -> Image {
    var map = HeatMap(
      "sensitivity of \(output) to \(node)", rows: rows, columns: columns,
      values: isLogarithmic ? values.map { log10($0) } : values)
    map.columnLabels = tokens.count == columns ? tokens : []
    if rows == columns, tokens.count == columns {
      map.rowLabels = zip(tokens, best).map { "\(Self.visible($0)) > \(Self.visible($1.name))" }
      map.notes = ["rows: the token read > the token with the best score next"]
    } else if rows == 1 {
      map.notes = ["best score: \(best[0].text)"]
    }
    map.xLabel = "step of the input" + (isLogarithmic ? " (colours are powers of ten)" : "")
    map.hasTwoSides = false
    map.yLabel = rows > 1 ? "step of the output" : ""
    let side = max(1, min(24, 900 / max(columns, rows)))
    return try map.image(
      cell: (max(side, map.columnLabels.isEmpty ? 1 : 8), max(side, rows > 1 ? 1 : 24)))
  }

  private static func visible(_ token: String) -> String {
    token == " " ? "_" : token == "\n" ? "$" : token
  }
}

extension ExplainedModel {
  /// The largest number of steps, as each needs a run of the gradient.
  private static let stepLimit = 2000

  /// The sensitivity of the model's scores to a recurrent layer's input, for the first sequence of a
  /// batch.
  /// - Parameters:
  ///   - name: the name of an `LSTM`, `GRU` or `RNN` node or of its output; `nil` for the first
  ///   - chosen: the steps of the output to explain, as each needs a run of the gradient; `nil` for all
  /// - Throws: `ExplainError` if there is no such node, a node on the way has no gradient, or a run
  ///   fails
  public func sensitivity(
    of name: String? = nil, steps chosen: Range<Int>? = nil
  ) throws(ExplainError) -> Sensitivity {
    let node = try node(name, "recurrent layer", where: Self.isRecurrent)
    let output = try scores()
    let found = try tensors([output, node.inputs[0]])
    guard let scores = found[output], let x = found[node.inputs[0]], x.shape.count == 3,
      scores.count > 0, x.count > 0
    else { throw .unsuitable("the output or the input of '\(node.label)' is empty") }
    var isBatchFirst = false
    if case .int(1)? = node.attribute("layout")?.value { isBatchFirst = true }
    let steps = isBatchFirst ? x.shape[1] : x.shape[0]
    guard steps <= Self.stepLimit else {
      throw .unsuitable("expected at most \(Self.stepLimit) steps, found \(steps)")
    }
    let all = try bestScores(scores, output, steps: steps)
    let best = Array(all[(chosen ?? all.indices).clamped(to: all.indices)])
    let gradient = try gradient(of: output, by: node.inputs[0])
    var values: [Float] = []
    for place in best {
      let result = try gradient(scores.unit(at: place))
      guard result.shape == x.shape else {
        throw .unsuitable("expected a gradient like the input \(x.type), found \(result.type)")
      }
      values += Self.norms(
        try result.floats(node.inputs[0]), shape: x.shape, isBatchFirst: isBatchFirst)
    }
    return Sensitivity(
      node: node.label, output: output, rows: best.count, columns: steps, values: values,
      best: try named(best, scores, output))
  }

  /// The best scores with the names of their tokens or classes.
  private func named(
    _ best: [Int], _ scores: Tensor, _ output: String
  ) throws(ExplainError) -> [ClassScore] {
    let values = try scores.floats(output)
    let count = max(scores.shape.last ?? 1, 1)
    let tokens = model.metadataValue(Vocabulary.metadataKey).flatMap {
      try? Vocabulary(json: $0).tokens
    }
    let classes = ClassNames.stated(in: model.metadata)
    let names = [tokens ?? [], classes].first { $0.count == count } ?? []
    return best.map { place in
      let index = place % count
      return ClassScore(
        index: index, name: names.isEmpty ? "\(index)" : names[index], score: values[place])
    }
  }

  /// The norm of the gradient at each step of the first example.
  private static func norms(
    _ gradient: [Float], shape: [Int], isBatchFirst: Bool
  ) -> [Float] {
    let size = shape[2]
    let steps = isBatchFirst ? shape[1] : shape[0]
    let stride = isBatchFirst ? size : shape[1] * size
    return (0..<steps).map { step in
      gradient[step * stride..<step * stride + size].reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
  }
}
