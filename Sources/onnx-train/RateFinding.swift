import ONNX
import ONNXPlots
import ToolSupport

extension TrainingRun {
  /// Searches for a learning rate, and writes the losses as a table and as a plot.
  func findRate() throws -> ExitStatus {
    guard recipe.pretraining.isEmpty else {
      throw Failure(
        "--find-rate: the layers are pretrained with rates of their own; add --pretrain 0")
    }
    let trainer = try Trainer(recipe.model, recipe.options, communicator: communicator)
    for (part, labels) in recipe.labels {
      try naming { try trainer.check(labels: labels, in: part) }
    }
    Interruption.watch(patience: 1, rank: communicator?.rank)
    var progress = Progress()
    let steps = 100
    var done = 0
    let search = try naming {
      try trainer.findLearningRate(recipe.training, steps: steps) { point in
        done += 1
        progress.update(
          "step \(done)/\(steps)  rate \(rateText(point.rate))  loss \(fixed(point.loss, 4))")
        return !Interruption.isWanted
      }
    }
    progress.clear()
    if Interruption.isWanted { return .interrupted }
    guard isFirst else { return .fine }
    try writeCurve(search)
    print("rate      loss      smoothed")
    for (index, point) in search.points.enumerated()
    where index.isMultiple(of: 5) || index == search.points.count - 1 {
      print("\(rateText(point.rate))   \(fixed(point.loss, 4))    \(fixed(point.smoothed, 4))")
    }
    if search.points.count < steps {
      printError("ended after \(search.points.count) of \(steps) steps: the loss grew too large")
    }
    guard let rate = search.suggestion else {
      throw Failure("the loss falls at none of these rates")
    }
    print("suggested rate \(rateText(rate))")
    return .fine
  }

  private func rateText(_ rate: Double) -> String { formatted(rate, "%.1e") }

  /// Writes `NAME.csv`, `NAME.svg` and `NAME.png`.
  private func writeCurve(_ search: RateSearch) throws {
    let rows = search.points.map { "\($0.rate),\($0.loss),\($0.smoothed)\n" }
    try writeText("rate,loss,smoothed\n" + rows.joined(), to: arguments.ratesName + ".csv")
    var plot = Plot("Loss by learning rate", xLabel: "learning rate", yLabel: "loss")
    plot.series = [
      Plot.Series("loss", search.points.map { ($0.rate, $0.loss) }, style: .dots),
      Plot.Series("smoothed", search.points.map { ($0.rate, $0.smoothed) }),
    ]
    if let rate = search.suggestion {
      let place = search.points.filter { $0.rate == rate }.map { ($0.rate, $0.smoothed) }
      plot.series.append(Plot.Series("suggested \(rateText(rate))", place, style: .dots))
    }
    plot.hasLogarithmicX = true
    plot.hasLogarithmicY = search.points.allSatisfy { $0.loss > 0 }
    try plot.writeSVGAndPNG(arguments.ratesName)
  }
}
