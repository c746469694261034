import ONNX
import ONNXPlots
import ToolSupport

extension Recipe.Illustration {
  /// Writes the illustration of a trained model next to its file.
  /// - Returns: A line for standard error that names the file; `nil` if nothing was written.
  func write(_ model: Model, beside output: String) throws -> String? {
    let stem = withoutExtension(output)
    switch self {
    case .reconstructions(let pictures):
      return try writeReconstructions(model, pictures, to: stem + ".reconstructions.png")
    case .filters(let layers, let sizes, let pictures):
      return try writeFilters(model, layers, sizes, pictures, to: stem)
    case .forecast(let task): return try writeForecast(model, task, to: stem + ".forecast")
    case .logMel(let sounds): return try sounds.writeSpectra(to: stem + ".spectra.png")
    case .gradientNorms(let start, let sequences, let input):
      return try writeGradientNorms(start, model, sequences, input, to: stem + ".gradients")
    case .tags(let batch, let words, let tags):
      return try writeTags(model, batch, words, tags, to: stem)
    }
  }
}

extension Plot {
  /// Writes `NAME.svg` and `NAME.png`.
  func writeSVGAndPNG(_ name: String) throws {
    try write(to: name + ".svg")
    try write(to: name + ".png")
  }
}

/// Writes pictures above their reconstructions by an autoencoder.
func writeReconstructions(
  _ model: Model, _ pictures: Tensor, to path: String
) throws -> String? {
  guard let drawn = try Session(model).run(["image": pictures])["reconstruction"] else {
    return nil
  }
  var sheet = TileSheet(
    "Pictures and their reconstructions", try pictures.pictures + drawn.pictures)
  sheet.range = .fixed(0...1)
  sheet.columns = pictures.shape[0]
  do { try sheet.image().writePNG(to: path) } catch { throw Failure(path, error) }
  return "reconstructions: \(path)"
}

/// Writes a plot of a series and its forecast.
private func writeForecast(
  _ model: Model, _ data: ForecastTask, to name: String
) throws -> String? {
  // The forecasts of these windows follow each other without overlap.
  let horizon = data.futureLength
  let starts = Array(stride(from: 0, to: data.count, by: horizon)).prefix(30)
  let batch = try data.batch(of: Array(starts))
  guard let past = batch.tensors["past"], let truth = batch.tensors["future"],
    let forecast = try Session(model).run(["series": past])["forecast"]
  else { return nil }
  var plot = Plot(
    "Forecasts of \(horizon) values each", xLabel: "step", yLabel: "value")
  plot.series = [
    Plot.Series("truth", try truth.array(as: Float.self).map(Double.init)),
    Plot.Series("forecast", try forecast.array(as: Float.self).map(Double.init)),
  ]
  try plot.writeSVGAndPNG(name)
  return "forecast: \(name).png"
}

/// Writes a plot of the gradient norms of both models.
private func writeGradientNorms(
  _ start: Model, _ end: Model, _ sequences: Tensor, _ input: String, to name: String
) throws -> String? {
  func points(_ model: Model) throws -> [(x: Double, y: Double)] {
    try gradientNorms(model, sequences, input: input).map { (Double($0.distance), $0.norm) }
  }
  var plot = Plot(
    "Gradient of the output with respect to an input", xLabel: "steps before the end",
    yLabel: "gradient norm")
  plot.series = [
    Plot.Series("before training", try points(start)),
    Plot.Series("after training", try points(end)),
  ]
  plot.hasLogarithmicY = true
  try plot.writeSVGAndPNG(name)
  return "gradients: \(name).png"
}
