import ONNX
import ONNXPlots
import ToolSupport

/// Writes the weights of units as pictures, a sheet for each layer, and reconstructions of pictures.
///
/// A unit above the first layer is drawn as the sum of the units below, weighted by its weights (Lee,
/// Ekanadham and Ng, 2007).
func writeFilters(
  _ model: Model, _ layers: [String], _ sizes: [Int], _ pictures: Tensor?, to stem: String
) throws -> String? {
  guard sizes[0] == 1 || sizes[0] == 3 else { return nil }
  var lines: [String] = []
  if let pictures,
    let line = try writeReconstructions(model, pictures, to: stem + ".reconstructions.png")
  {
    lines.append(line)
  }
  var fields: Tensor?
  for (index, name) in layers.enumerated() {
    guard let weights = model.graph.initializers.first(where: { $0.name == name })?.tensor else {
      continue
    }
    fields = try fields.map { try product(weights, $0) } ?? weights
    guard let fields else { continue }
    let path = stem + (layers.count == 1 ? ".filters.png" : ".filters\(index + 1).png")
    let title = layers.count == 1 ? "Weights of hidden units" : "Units of layer \(index + 1)"
    var sheet = TileSheet(
      title, try normalizedRows(fields, limit: 100).map { Tensor(shape: sizes, $0) })
    sheet.range = .aroundZero
    do { try sheet.image().writePNG(to: path) } catch { throw Failure(path, error) }
    lines.append("filters: \(path)")
  }
  return lines.isEmpty ? nil : lines.joined(separator: "\n")
}

/// The first rows of a float32 matrix, at most `limit`, each divided by its largest absolute value.
private func normalizedRows(_ matrix: Tensor, limit: Int) throws -> [[Float]] {
  let elements = try matrix.array(as: Float.self)
  let columns = matrix.shape[1]
  return (0..<min(matrix.shape[0], limit)).map { index in
    let row = elements[index * columns..<(index + 1) * columns]
    let reach = row.reduce(0) { max($0, abs($1)) }
    return row.map { reach > 0 ? $0 / reach : 0 }
  }
}

/// The product of two float32 matrices.
private func product(_ left: Tensor, _ right: Tensor) throws -> Tensor? {
  let m = ModelBuilder()
  let signals = [
    try m.input("left", Shape(left.shape)), try m.input("right", Shape(right.shape)),
  ]
  try m.output("product", m.node("MatMul", signals))
  return try Session(m.model(name: "product")).run(["left": left, "right": right])["product"]
}
