import ONNX
import ONNXImages
import ToolSupport

/// Writes what an autoencoder makes of some pictures, below the pictures themselves, as
/// `NAME.reconstructions.png`.
func writeReconstructions(
  _ model: Model, _ pictures: Tensor?, beside output: String
) throws -> [String] {
  guard let pictures,
    let drawn = try Session(model).run(["image": pictures])["reconstruction"]
  else { return [] }
  var sheet = TileSheet(
    "Pictures, and what the autoencoder makes of them", try rows(pictures) + rows(drawn))
  sheet.range = .fixed(0...1)
  sheet.columns = pictures.shape[0]
  let path = withoutExtension(output) + ".reconstructions.png"
  do { try sheet.image().writePNG(to: path) } catch { throw Failure(path, error) }
  return ["reconstructions: \(path)"]
}

/// The rows of a float32 tensor as tensors.
private func rows(_ tensor: Tensor) throws -> [Tensor] {
  let shape = Array(tensor.shape.dropFirst())
  let numbers = try tensor.array(as: Float.self)
  let size = shape.reduce(1, *)
  return (0..<tensor.shape[0]).map {
    Tensor(shape: shape, Array(numbers[$0 * size..<($0 + 1) * size]))
  }
}

/// Writes a forecast beside the truth, as `NAME.forecast.svg` and `.png`.
func writeForecast(
  _ model: Model, _ data: ForecastTask, beside output: String
) throws -> [String] {
  // Every window whose forecast begins where the last one ended.
  let horizon = data.futureLength
  let starts = Array(stride(from: 0, to: data.count, by: horizon)).prefix(30)
  let batch = try data.batch(of: Array(starts))
  guard let past = batch.tensors["past"], let truth = batch.tensors["future"],
    let forecast = try Session(model).run(["series": past])["forecast"]
  else { return [] }
  var plot = Plot(
    "Forecast of \(horizon) values at a time", xLabel: "step", yLabel: "value")
  plot.series = [
    Plot.Series("truth", try truth.array(as: Float.self).map(Double.init)),
    Plot.Series("forecast", try forecast.array(as: Float.self).map(Double.init)),
  ]
  let name = withoutExtension(output) + ".forecast"
  try plot.write(to: name + ".svg")
  try plot.write(to: name + ".png")
  return ["forecast: \(name).png"]
}
