import ArgumentParser
import ONNX
import ONNXConversion
import ToolSupport

/// Options that bind the weights of a checkpoint to a graph.
struct WeightOptions: ParsableArguments {
  @Option(help: "Bind the weights of FROM to this model.")
  var graph: String?

  @Option(help: "Build this architecture for the weights of FROM.")
  var architecture: ArchitectureName?

  @Option(
    name: .customLong("size"), parsing: .unconditionalSingleValue,
    help: "Set a size of the architecture that does not follow from the weights: NAME=NUMBER.")
  var sizes: [String] = []

  @Option(
    help: """
      The prefix to remove from the names of the weights. The default is the prefix with the most \
      matches.
      """)
  var prefix: String?

  @Flag(help: "Match weights by order and shape where no name matches.")
  var byOrder = false

  @Flag(help: "Keep initializers without a weight, and ignore weights without a place.")
  var allowMissing = false

  @Option(
    help: """
      The ε of batch normalizations that the graph has folded into convolutions. The default is 1e-5, \
      and 1e-3 for weights of Keras.
      """)
  var batchNormEpsilon: Double?

  @Option(help: "Write a report on each tensor to this file, as JSON.")
  var report: String?

  func validate() throws {
    if graph != nil, architecture != nil {
      throw ValidationError("--graph and --architecture exclude each other")
    }
    if !sizes.isEmpty, architecture == nil {
      throw ValidationError("--size needs --architecture")
    }
    guard batchNormEpsilon.map({ $0.isFinite && $0 >= 0 }) ?? true else {
      throw ValidationError("--batch-norm-epsilon: expected a number of 0 or more")
    }
  }

  /// Whether the weights are bound to a model.
  var makesModel: Bool { graph != nil || architecture != nil }

  /// The model with the weights bound to it.
  func bind(_ weights: Weights, _ reading: ReadingOptions) throws -> Model {
    let weights = weights.inModules()
    var options = BindingOptions()
    options.prefix = prefix
    options.batchNormEpsilon = batchNormEpsilon
    options.matchesByOrder = byOrder || architecture != nil
    let base: Model
    if let graph {
      base = try Model(fileInAnyForm: graph, options: reading)
    } else if let architecture {
      base = try architecture.model(for: weights, sizes: statedSizes())
    } else {
      throw Failure("expected --graph or --architecture")
    }
    let (model, bindings) = try (consume base).bound(to: weights, options)
    print(bindings)
    if let report { try writeText("\(json(bindings))\n", to: report) }
    if !allowMissing { try bindings.checkComplete() }
    return model
  }

  private func statedSizes() throws -> [String: Int] {
    var values: [String: Int] = [:]
    for text in sizes {
      let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, let value = Int(parts[1]), (0...1 << 24).contains(value),
        values.updateValue(value, forKey: parts[0]) == nil
      else { throw Failure("--size: expected NAME=NUMBER, each name once, got '\(text)'") }
    }
    return values
  }

  private func print(_ report: BindingReport) {
    for rule in report.rules { Swift.print(rule.escaped) }
    var table = Table(["initializer": .left, "weights": .left, "rule": .left, "shape": .left])
    for row in report.rows {
      table.append([
        row.to.escaped, row.from.joined(separator: " + ").escaped,
        (row.state == .bound ? row.rule : "\(row.state.rawValue): \(row.rule)").escaped,
        "\(row.shape)",
      ])
    }
    for line in table.lines { Swift.print(line) }
    Swift.print(
      "\(report.count(.bound)) bound, \(report.count(.kept)) constants kept, "
        + "\(report.count(.ignored)) weights ignored, \(report.count(.missing)) missing, "
        + "\(report.count(.mismatched)) of another shape, \(report.count(.unused)) unused")
  }

  private func json(_ report: BindingReport) -> JSON {
    .object([
      "rules": .array(report.rules.map(JSON.string)),
      "tensors": .array(
        report.rows.map { row in
          .object([
            "state": .string(row.state.rawValue), "to": row.to.isEmpty ? .null : .string(row.to),
            "from": .array(row.from.map(JSON.string)), "rule": .string(row.rule),
            "shape": .array(row.shape.map(JSON.int)),
          ])
        }),
    ])
  }
}

extension ArchitectureName: ExpressibleByArgument {
  static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
