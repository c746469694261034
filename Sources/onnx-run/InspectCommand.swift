import ArgumentParser
import ONNXExplain
import ONNXFormat
import ONNXInterpreter
import ONNXOperators
import ToolSupport

/// The subcommand `inspect`: shows the parts of a model.
struct InspectCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows a model's inputs, outputs, parameters, operations and graph.",
    discussion: """
      Types and operations are those for the given shapes; free sizes are 1. The column before each \
      node counts its operations: a multiplication with an addition counts as two.

      With --plan the command shows how the model would run instead of the graph: the changes that \
      each optimisation pass made, and the kernel of each node with the reason for it.

      With --sizes it shows the windows, sizes, receptive fields and parameters of convolutions, pools \
      and fully connected layers. The size of an output follows from the input n, the padding p, the \
      dilation d, the kernel k and the stride s:

        ⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1

      A receptive field is the part of the input that an element depends on, borders ignored; the jump \
      is the distance between the fields of neighbours, and the centre is that of the first one. The \
      last columns count the parameters if each window had its own weights, and if the layer were \
      fully connected.

      EXAMPLES:
        onnx-run inspect models/lenet5.onnx
        onnx-run inspect models/lenet5.onnx --sizes
        onnx-run inspect model.onnx --shape tokens=8x100
        onnx-run inspect models/lenet5.onnx --plan
        onnx-run inspect model.onnx --json | jq .parameters
      """)

  @Argument(help: "The ONNX file; - stands for standard input.", completion: .file())
  var model: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The shape of an input. Dynamic dimensions default to 1.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  @Flag(help: "Show the passes and the kernels that a run would use.")
  var plan = false

  @Flag(help: "Show sizes, receptive fields and parameters of the layers.")
  var sizes = false

  @Flag(help: "List all initializers and metadata, however many there are.")
  var all = false

  @Flag(
    help: """
      Print one JSON object: model, bytes, ir_version, opsets, producer, metadata, inputs, outputs, \
      parameters, parameter_bytes, initializers, operations, nodes, and with --sizes layers.
      """)
  var json = false

  @OptionGroup var reading: ReadingArguments

  func validate() throws {
    if plan, sizes { throw ValidationError("--plan and --sizes exclude each other") }
    if plan, json { throw ValidationError("--plan and --json exclude each other") }
  }

  func perform() throws -> ExitStatus {
    let model = try readModel(self.model, reading)
    let initializers = Set(model.graph.initializers.compactMap(\.name))
    let inputs = model.graph.inputs.filter { !initializers.contains($0.name) }
    let shapes = try InputShapes(
      inputs, requested: parseShapes(shape, names: inputs.map(\.name)))

    if plan {
      let description: PlanDescription
      do {
        description = try Session(model, options: Self.options)
          .describePlan(shapes: Self.sizes(inputs, shapes))
      } catch { throw Failure(self.model, error) }
      try printHeader(model, inputs)
      print("")
      PlanListing(description).lines(columns: Terminal.standardOutput.lineLength)
        .forEach { print($0) }
      return .fine
    }

    if sizes, !json {
      let types: [String: ValueType]
      do { types = try Self.types(model, inputs, shapes) } catch {
        throw Failure(self.model, error)
      }
      SizeListing(sizes: LayerSizes(model, types: types))
        .lines(columns: Terminal.standardOutput.lineLength).forEach { print($0) }
      return .fine
    }

    // A model that cannot run is shown nevertheless.
    let types: Result<[String: ValueType], Failure>
    do {
      types = .success(try Self.types(model, inputs, shapes))
    } catch {
      types = .failure(Failure(self.model, error))
    }
    if json {
      let known = (try? types.get()) ?? [:]
      print(
        InspectReport(
          path: self.model, model: model, inputs: inputs, types: known,
          layers: sizes ? LayerSizes(model, types: known).layers : nil
        ).json)
      _ = try types.get()
      return .fine
    }
    let listing = GraphListing(
      model, types: (try? types.get()) ?? [:], isWhole: all,
      columns: Terminal.standardOutput.lineLength)
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
    var options = options
    options.passes = []
    options.threads = 1
    return try Session(model, options: options).types(shapes: sizes(inputs, shapes))
  }

  private static var options: SessionOptions {
    var options = SessionOptions()
    options.expansions = [.gradients]
    return options
  }

  private static func sizes(_ inputs: [ValueInfo], _ shapes: InputShapes) -> [String: [Int]] {
    var sizes: [String: [Int]] = [:]
    for input in inputs where input.type?.tensorType?.shape != nil {
      sizes[input.name] = shapes.sizes(of: input)
    }
    return sizes
  }

  /// Entries of metadata listed of a model with more.
  private static let shownMetadata = 8

  private func printHeader(_ model: Model, _ inputs: [ValueInfo]) throws(Failure) {
    func line(_ key: String, _ value: String) {
      print((key.padded(to: 12) + value).escaped)
    }
    let parameters = model.graph.initializers.map(\.tensor)
    let size = isStream(self.model) ? nil : formattedBytes(try fileSize(self.model))
    line("model", self.model + (size.map { ", \($0)" } ?? ""))
    if let version = model.irVersion { line("IR version", "\(version)") }
    for set in model.operatorSets {
      line("opset", "\(set.domain.flatMap { $0.isEmpty ? nil : $0 } ?? "ai.onnx") \(set.version)")
    }
    if let producer = model.producerName, !producer.isEmpty {
      line("producer", "\(producer) \(model.producerVersion ?? "")")
    }
    for note in model.earlyOperators { line("note", note) }
    let count = model.metadata.count
    let shown = all || count <= Self.shownMetadata ? count : Self.shownMetadata - 1
    for entry in model.metadata.prefix(shown) {
      let value = all ? entry.value : entry.value.shortened
      line("metadata", "\(entry.key) = \(value)")
    }
    if shown < count { line("metadata", "… \(count - shown) more; --all lists them") }
    for input in inputs { line("input", input.text) }
    for output in model.graph.outputs { line("output", output.text) }
    line(
      "parameters",
      "\(parameters.reduce(0) { $0 + $1.count }) in \(parameters.count) tensors, "
        + formattedBytes(parameters.reduce(0) { $0 + $1.storage.byteCount }))
    line("nodes", "\(model.graph.nodes.count)")
  }
}

extension Model {
  /// A note for each operator of the graph that the standard does not have at the model's opset.
  fileprivate var earlyOperators: [String] {
    let opset = operatorSets.first { Registry.normalized(domain: $0.domain).isEmpty }?.version ?? 1
    var counts: [String: Int] = [:]
    var waiting = [graph]
    while let graph = waiting.popLast() {
      for node in graph.nodes {
        let domain = Registry.normalized(domain: node.domain)
        if domain.isEmpty { counts[node.operatorType, default: 0] += 1 }
        for attribute in node.attributes {
          if case .graph(let inner) = attribute.value { waiting.append(inner) }
        }
      }
    }
    return counts.sorted { $0.key < $1.key }.compactMap { name, count in
      guard
        let early = EarlyOperator.find(name, domain: "", operatorSet: Int(clamping: opset))
      else { return nil }
      let rules = early.version.map { "; run as in opset \($0)" } ?? ""
      return "\(count) × \(name), which opset \(opset) does not have: \(early.reason)\(rules)"
    }
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
