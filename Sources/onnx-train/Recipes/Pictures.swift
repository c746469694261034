import ONNX
import ONNXImages
import ONNXPlots
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

/// Writes how strongly the answer of a model depends on each step of its sequence, by the distance
/// from the end, as `NAME.gradients.svg` and `.png`: the norm of the gradient of the output by the
/// input, a mean over sequences, before and after the training.
func writeGradientNorms(
  from start: Model, to end: Model, _ sequences: Tensor?, input: String, beside output: String
) throws -> [String] {
  guard let sequences else { return [] }
  var plot = Plot(
    "Gradient of the answer by an input", xLabel: "steps before the end",
    yLabel: "norm of the gradient")
  plot.series = [
    Plot.Series("before training", try gradientNorms(start, sequences, input: input)),
    Plot.Series("after training", try gradientNorms(end, sequences, input: input)),
  ]
  plot.hasLogarithmicY = true
  let name = withoutExtension(output) + ".gradients"
  try plot.write(to: name + ".svg")
  try plot.write(to: name + ".png")
  return ["gradients: \(name).png"]
}

/// The norms by the distance from the end; those that are 0 are left out, as no logarithm is theirs.
private func gradientNorms(
  _ model: Model, _ sequences: Tensor, input: String
) throws -> [(x: Double, y: Double)] {
  var model = model
  guard let answer = model.graph.outputs.first?.name else { return [] }
  var differentiation = try Differentiation(model)
  let gradients = try differentiation.gradients(of: answer, by: [input])
  guard let name = gradients[input] else { return [] }
  model.graph = differentiation.graph
  model.graph.outputs = [ValueInfo(name, nil)]
  guard let result = try Session(model).run([input: sequences])[name] else { return [] }
  let numbers = try result.array(as: Float.self)
  let (rows, steps, features) = (result.shape[0], result.shape[1], result.shape[2])
  var points: [(x: Double, y: Double)] = []
  for step in 0..<steps {
    var sum = 0.0
    for row in 0..<rows {
      let first = (row * steps + step) * features
      let squares = numbers[first..<first + features].map { Double($0) * Double($0) }
      sum += squares.reduce(0, +).squareRoot()
    }
    if sum > 0 { points.append((Double(steps - 1 - step), sum / Double(rows))) }
  }
  return points.reversed()
}
