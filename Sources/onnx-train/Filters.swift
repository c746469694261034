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
  var fields: Matrix?
  for (index, name) in layers.enumerated() {
    guard let tensor = model.graph.initializers.first(where: { $0.name == name })?.tensor else {
      continue
    }
    let weights = Matrix(rows: tensor.shape[0], try tensor.array(as: Float.self))
    fields = fields.map { weights * $0 } ?? weights
    guard let fields else { continue }
    let path = stem + (layers.count == 1 ? ".filters.png" : ".filters\(index + 1).png")
    let title = layers.count == 1 ? "Weights of hidden units" : "Units of layer \(index + 1)"
    var sheet = TileSheet(
      title, (0..<min(fields.rows, 100)).map { Tensor(shape: sizes, fields.normalized(row: $0)) })
    sheet.range = .aroundZero
    do { try sheet.image().writePNG(to: path) } catch { throw Failure(path, error) }
    lines.append("filters: \(path)")
  }
  return lines.isEmpty ? nil : lines.joined(separator: "\n")
}

private struct Matrix {
  let rows: Int
  let elements: [Float]
  var columns: Int { elements.count / max(rows, 1) }

  init(rows: Int, _ elements: [Float]) {
    self.rows = rows
    self.elements = elements
  }

  /// A row, divided by its largest absolute value.
  func normalized(row: Int) -> [Float] {
    let row = elements[row * columns..<(row + 1) * columns]
    let reach = row.reduce(0) { max($0, abs($1)) }
    return row.map { reach > 0 ? $0 / reach : 0 }
  }

  static func * (left: Matrix, right: Matrix) -> Matrix {
    let columns = right.columns
    var result = [Float](repeating: 0, count: left.rows * columns)
    result.withUnsafeMutableBufferPointer { result in
      for row in 0..<left.rows {
        for inner in 0..<right.rows {
          let factor = left.elements[row * left.columns + inner]
          for column in 0..<columns {
            result[row * columns + column] += factor * right.elements[inner * columns + column]
          }
        }
      }
    }
    return Matrix(rows: left.rows, result)
  }
}
