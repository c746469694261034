import ONNX
import ONNXPlots
import ToolSupport

/// The picture, table and figures of a comparison.
struct ComparisonFigure {
  private let comparison: Comparison
  private let courses: [Comparison.Course]

  init(_ comparison: Comparison, _ courses: [Comparison.Course]) {
    self.comparison = comparison
    self.courses = courses
  }

  /// Writes the picture, and the figures of every step beside it.
  func write(to path: String) throws {
    try PlotPage(panels()).write(to: path)
    var lines = ["variant,step,loss,gradient_norm"]
    for course in courses {
      for (step, (loss, norm)) in zip(course.losses, course.gradientNorms).enumerated() {
        lines.append("\(course.name),\(step + 1),\(loss),\(norm)")
      }
    }
    try writeText(
      lines.map { $0 + "\n" }.joined(), to: withoutExtension(path) + ".csv")
  }

  /// The last losses and test results.
  var table: Table {
    var table = Table([
      comparison.title: .left, "training loss": .right, "test loss": .right,
      hasAccuracy ? "test accuracy" : "": .right,
    ])
    for course in courses {
      let last = course.losses.suffix(100)
      let test = course.tests.last
      let loss = course.failure.map { "not finite at step \($0 + 1)" }
      table.append([
        course.name, loss ?? fixed(last.reduce(0, +) / Double(max(last.count, 1)), 4),
        test.map { fixed($0.loss, 4) } ?? "",
        hasAccuracy ? test?.accuracy.map { fixed($0, 4) } ?? "" : "",
      ])
    }
    return table
  }

  private var hasAccuracy: Bool {
    courses.contains { $0.tests.contains { $0.accuracy != nil } } && !isLanguage
  }

  /// Whether the models predict the next of many tokens, whose accuracy says little.
  private var isLanguage: Bool { comparison.variants.contains { !$0.options.states.isEmpty } }

  private func panels() throws -> [Plot] {
    var losses = Plot(
      comparison.title, xLabel: "step", yLabel: "training loss",
      courses.map { Plot.Series($0.name, groups($0.losses) { $0.reduce(0, +) / Double($0.count) }) }
    )
    losses.hasLogarithmicY = true
    var tests = Plot(
      "Test data", xLabel: "epoch", yLabel: hasAccuracy ? "test error in %" : "test loss",
      courses.map { course in
        Plot.Series(
          course.name,
          course.tests.map { hasAccuracy ? 100 * (1 - ($0.accuracy ?? 0)) : $0.loss }, from: 1)
      })
    tests.hasLogarithmicY = true
    tests.hasWholeX = true
    return try [losses, tests] + details()
  }

  private func details() throws -> [Plot] {
    switch comparison.detail {
    case nil: return []
    case .gradientsByStep:
      return [gradientsByStep()]
    case .gradientsByLayer(let batch):
      return try [("before", \Comparison.Course.start), ("after", \Comparison.Course.end)].map {
        when, model in
        var plot = Plot(
          "Gradients of the layers \(when) training", xLabel: "layer, from the input",
          yLabel: "gradient norm")
        plot.series = try zip(courses, comparison.variants).map { course, variant in
          let norms = try layerGradientNorms(course[keyPath: model], variant.options, batch)
          return Plot.Series(course.name, norms.map(\.norm), from: 1)
        }
        plot.hasLogarithmicY = true
        plot.hasWholeX = true
        return plot
      }
    case .gradientsByDistance(let models, let sequences, let input):
      var plot = Plot(
        "Recurrent matrix: scale times orthogonal", xLabel: "steps before the end",
        yLabel: "gradient norm of an input")
      plot.series = try models.map { name, model in
        Plot.Series(
          name,
          try gradientNorms(model, sequences, input: input).map { (Double($0.distance), $0.norm) })
      }
      plot.hasLogarithmicY = true
      return [gradientsByStep(), plot]
    }
  }

  private func gradientsByStep() -> Plot {
    var plot = Plot(
      "Largest gradients before clipping", xLabel: "step", yLabel: "norm of all gradients",
      courses.map { Plot.Series($0.name, groups($0.gradientNorms) { $0.max() ?? 0 }) })
    plot.hasLogarithmicY = true
    return plot
  }

  /// Groups of values, about 100, each reduced to one number and placed at its last step. Those of a
  /// diverging course, above 10,000, are left out, since they would hide the others.
  private func groups(
    _ values: [Double], _ reduce: (ArraySlice<Double>) -> Double
  ) -> [(x: Double, y: Double)] {
    let size = max(1, values.count / 100)
    return stride(from: 0, to: values.count - size + 1, by: size).map { first in
      (Double(first + size), reduce(values[first..<first + size]))
    }.filter { $0.1 < 1e4 }
  }
}
