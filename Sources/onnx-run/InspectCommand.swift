import ArgumentParser
import ONNXFormat
import ONNXInterpreter
import ToolSupport

/// The subcommand `inspect`: shows the parts of a model.
struct InspectCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows a model's inputs, outputs, parameters, operations and graph.",
    discussion: """
      The first column of the graph is the number of operations of each node for the given input \
      shapes. A multiply-add counts as two operations.

      EXAMPLES:
        onnx-run inspect models/lenet5.onnx
        onnx-run inspect model.onnx --shape tokens=8x100
      """)

  @Argument(help: "The ONNX file.")
  var model: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The shape of an input. Dynamic dimensions default to 1.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  func perform() throws -> ExitStatus {
    let model = try readModel(self.model)
    let initializers = Set(model.graph.initializers.compactMap(\.name))
    let inputs = model.graph.inputs.filter { !initializers.contains($0.name) }
    let shapes = try InputShapes(
      inputs, requested: parseShapes(shape, names: inputs.map(\.name)))

    // A model that cannot run is still shown.
    let types: Result<[String: ValueType], Failure>
    do {
      types = .success(try Self.types(model, inputs, shapes))
    } catch {
      types = .failure(Failure(self.model, error))
    }
    let listing = GraphListing(model, types: (try? types.get()) ?? [:])
    try printHeader(model, inputs)
    if case .success = types {
      print("operations  \(formattedCount(listing.totalOperations))")
    }
    print("")
    listing.lines.forEach { print($0) }
    _ = try types.get()
    return .fine
  }

  private static func types(
    _ model: Model, _ inputs: [ValueInfo], _ shapes: InputShapes
  ) throws -> [String: ValueType] {
    var options = SessionOptions()
    options.passes = []
    options.threads = 1
    let session = try Session(model, options: options)
    var sizes: [String: [Int]] = [:]
    for input in inputs where input.type?.tensorType?.shape != nil {
      sizes[input.name] = shapes.sizes(of: input)
    }
    return try session.types(shapes: sizes)
  }

  private func printHeader(_ model: Model, _ inputs: [ValueInfo]) throws(Failure) {
    func line(_ key: String, _ value: String) {
      print((key.padded(to: 12) + value).escaped)
    }
    let parameters = model.graph.initializers.map(\.tensor)
    line("model", "\(self.model), \(formattedBytes(try fileSize(self.model)))")
    if let version = model.irVersion { line("IR version", "\(version)") }
    for set in model.operatorSets {
      line("opset", "\(set.domain.flatMap { $0.isEmpty ? nil : $0 } ?? "ai.onnx") \(set.version)")
    }
    if let producer = model.producerName, !producer.isEmpty {
      line("producer", "\(producer) \(model.producerVersion ?? "")")
    }
    for entry in model.metadata { line("metadata", "\(entry.key) = \(entry.value.shortened)") }
    for input in inputs { line("input", input.text) }
    for output in model.graph.outputs { line("output", output.text) }
    line(
      "parameters",
      "\(parameters.reduce(0) { $0 + $1.count }) in \(parameters.count) tensors, "
        + formattedBytes(parameters.reduce(0) { $0 + $1.storage.byteCount }))
    line("nodes", "\(model.graph.nodes.count)")
  }
}

extension ValueInfo {
  /// The name and declared type.
  var text: String { "\(name) \(type?.description ?? "?")" }
}

extension String {
  /// The text padded with trailing spaces.
  func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }

  /// The text, cut to 60 characters.
  var shortened: String { count > 60 ? prefix(60) + "…" : self }
}
