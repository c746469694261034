import ONNX
import ONNXPlots
import ToolSupport

/// Writes the probabilities of the tags of a sentence, the first of the batch, to `NAME.tags.png` and the
/// scores of transitions, if the model has them, to `NAME.transitions.png`.
func writeTags(
  _ model: Model, _ batch: Batch, _ words: [String], _ tags: [String], to name: String
) throws -> String? {
  var inputs = batch.tensors
  inputs[Loss.labels] = nil
  guard let probabilities = try tagProbabilities(model, inputs) else { return nil }
  let numbers = try probabilities.array(as: Float.self)
  let shown = Array(words.prefix(18))
  var map = HeatMap(
    "Probability of each tag", rows: tags.count, columns: shown.count,
    values: tags.indices.flatMap { tag in shown.indices.map { numbers[$0 * tags.count + tag] } })
  (map.rowLabels, map.columnLabels, map.range, map.xLabel) = (tags, shown, 0...1, "word")
  var files = ["\(name).tags.png"]
  try write(map, to: files[0])

  let transitions = model.graph.initializers.first { $0.name == Tagger.chain.transitions }?.tensor
  if let transitions {
    var map = HeatMap(
      "Score of a tag after a tag", rows: tags.count, columns: tags.count,
      values: try transitions.array(as: Float.self))
    (map.rowLabels, map.columnLabels, map.yLabel, map.xLabel) = (tags, tags, "tag", "next tag")
    files.append("\(name).transitions.png")
    try write(map, to: files[1])
  }
  return "tags: \(files.joined(separator: ", "))"
}

private func write(_ map: HeatMap, to path: String) throws {
  let letters = map.columnLabels.map(\.count).max() ?? 0
  let cell = (width: min(max(6 * letters + 8, 40), 80), height: map.rows > 20 ? 14 : 24)
  do { try map.image(cell: cell).writePNG(to: path) } catch { throw Failure(path, error) }
}
