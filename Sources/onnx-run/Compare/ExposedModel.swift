import ONNXFormat
import ONNXInterpreter
import ToolSupport

extension Graph {
  /// The names of the values that the graph's nodes make, in order.
  var madeValues: [String] { nodes.flatMap(\.outputs).filter { !$0.isEmpty } }

  /// Makes these values the graph's outputs. Passes then keep them.
  mutating func expose(_ names: [String]) {
    let types = Dictionary(
      (valueInfos + outputs).map { ($0.name, $0.type) }, uniquingKeysWith: { $1 })
    outputs = names.map { ValueInfo($0, types[$0] ?? nil) }
  }

  /// The values of the graph that match patterns, in order: those that nodes make, and outputs.
  /// - Parameter option: the option that states the patterns, for the error
  /// - Throws: `Failure` for a pattern that matches none, with the most similar name
  func values(
    matching patterns: [String], option: String = "--output"
  ) throws(Failure) -> [String] {
    let made = madeValues
    let names = made + outputs.map(\.name).filter { !Set(made).contains($0) }
    let wanted = NamePatterns(patterns)
    if let pattern = wanted.unmatched(by: names).first {
      throw Failure(
        "\(option): the model has no value \(pattern.quoted)\(hint(forPattern: pattern, names))")
    }
    return names.filter(wanted.contains)
  }
}

/// A model whose inner values are outputs of its session.
struct ExposedModel {
  let path: String
  /// The graph as the file has it, with the values as outputs.
  let graph: Graph
  /// The model without the further outputs.
  let model: Model
  let session: Session
  /// The names of the file's outputs.
  let outputs: [String]

  /// - Parameter patterns: the values to expose; none for all
  /// - Throws: `Failure`, with the path
  init(
    _ path: String, _ arguments: SessionArguments, inputs: [String], patterns: [String]
  ) throws(Failure) {
    self.path = path
    let read = try readModel(path, arguments.reading, threads: arguments.threads)
    model = read
    outputs = read.graph.outputs.map(\.name)
    var exposed = read
    do {
      exposed.graph.expose(
        try read.graph.values(matching: patterns.isEmpty ? ["*"] : patterns))
    } catch { throw Failure(path, error) }
    graph = exposed.graph
    var options = arguments.options
    options.allowsReplacedInitializers = false
    do { session = try Session(exposed, options: options) } catch { throw Failure(path, error) }
  }

  /// The inputs of this model, from those of another one: by name, else by position.
  /// - Throws: `Failure` for an input without a counterpart
  func inputs(
    from values: [String: Value], of other: ExposedModel
  ) throws(Failure) -> [String: Value] {
    var result: [String: Value] = [:]
    for (position, info) in session.inputs.enumerated() {
      let others = other.session.inputs
      let name = position < others.count ? others[position].name : ""
      guard let value = values[info.name] ?? values[name] else {
        throw Failure("\(path): \(other.path) has no counterpart of input \(info.name.quoted)")
      }
      result[info.name] = try value.cast(to: info.type?.tensorType?.elementType)
    }
    return result
  }
}

extension Value {
  /// A tensor of numbers with another element type; any other value as it is.
  /// - Throws: `Failure` if the types cannot be converted
  func cast(to type: ElementType?) throws(Failure) -> Value {
    guard let tensor, let type, tensor.elementType != type else { return self }
    let model = Model(
      graph: Graph(
        nodes: [
          Node(
            "Cast", inputs: ["x"], outputs: ["y"],
            attributes: [.int("to", Int(type.rawValue))])
        ],
        inputs: [ValueInfo("x", .tensor(tensor.elementType, Shape(tensor.shape)))],
        outputs: [ValueInfo("y", nil)]),
      operatorSets: [OperatorSetImport(version: 21)])
    do { return try Session(model).run(values: ["x": self])["y"] ?? self } catch {
      throw Failure("cannot convert \(tensor.type) to \(type): \(error)")
    }
  }
}
