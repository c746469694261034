import ONNXFormat

/// The Swift type of a model, as source text.
struct ModelType {
  /// The place of the model at run time.
  enum Weights {
    /// The program itself, which has the file as base64.
    case embedded(String)
    /// A resource of the target, of that name.
    case resource(String)
  }

  /// The name of the type.
  let name: String
  /// The name of the model's file.
  let file: String
  /// The access level: `internal`, `package` or `public`.
  let access: String
  /// The place of the model.
  let weights: Weights
  private let model: Model
  let inputs: [Port]
  let optionalInputs: [Port]
  private let outputs: [Port]
  private let names: SwiftNames
  /// The name of a local variable that no parameter has.
  let values: String
  /// The name of the parameter for the time limit of a run, which no input has.
  let timeout: String

  /// Describes the type of a model.
  init(of model: Model, file: String, access: String, weights: Weights) {
    self.model = model
    self.file = file
    self.access = access
    self.weights = weights
    name = SwiftName.type(file.hasSuffix(".onnx") ? String(file.dropLast(5)) : file)
    let defaults = Set(
      (model.graph.initializers.map(\.name) + model.graph.sparseInitializers.map(\.values.name))
        .compactMap { $0 })
    // Before IR version 4, all initializers had to be inputs.
    let required = model.graph.inputs.filter { !defaults.contains($0.name) }
    let optional =
      (model.irVersion ?? 4) < 4 ? [] : model.graph.inputs.filter { defaults.contains($0.name) }
    var names = SwiftNames()
    let ports = Port.ports(required + optional, &names)
    inputs = Array(ports.prefix(required.count))
    optionalInputs = Array(ports.dropFirst(required.count))
    values = names.identifier(for: "values")
    timeout = names.identifier(for: "timeout")
    self.names = names
    var outputNames = SwiftNames()
    outputs = Port.ports(model.graph.outputs, &outputNames)
  }

  /// The modifier in front of declarations.
  var modifier: String { access == "internal" ? "" : access + " " }

  /// The source text of a file.
  var source: String {
    var source = SwiftSource()
    let isPublic = access == "public"
    source.line("// The plugin ONNXModels made this file from \(file.escaped).")
    if case .resource = weights { source.line("import Foundation") }
    source.line(isPublic ? "public import ONNX" : "import ONNX")
    source.line()
    let title = model.docString ?? model.graph.docString ?? ""
    source.comment(title.isEmpty ? "The model \(file), ready to run." : title)
    source.line("///")
    source.line("/// Any number of tasks may use it at once.")
    source.block("\(modifier)struct \(name): Sendable") {
      load(&$0)
      types(&$0, "Inputs", "inputs", inputs + optionalInputs)
      types(&$0, "Outputs", "outputs", outputs)
      classes(&$0)
      results(&$0, "Output", "outputs of a run", outputs.map { ($0, $0.swiftType, read($0)) })
      tensorCalls(&$0)
      var names = names
      if let form = ArrayForm(inputs: inputs, outputs: outputs, names: &names) {
        results(
          &$0, "ArrayOutput", "elements of the outputs of a run, in row-major order",
          outputs.map { ($0, arrayType($0), readArray($0)) })
        arrayCalls(&$0, form)
      }
      if case .embedded(let text) = weights {
        $0.line()
        $0.line("private static let contents: StaticString = \"\(text)\"")
      }
    }
    return source.text
  }

  private func load(_ source: inout SwiftSource) {
    source.line("/// The session that runs the model.")
    source.line("\(modifier)let session: Session")
    source.line()
    source.line("/// Loads the model, which is part of the program.")
    source.line("/// - Throws: `ModelError` where the options do not allow the model.")
    source.block(
      "\(modifier)init(options: SessionOptions = SessionOptions()) throws(ModelError)"
    ) {
      switch weights {
      case .embedded:
        $0.line("session = try Session(base64: Self.contents, options: options)")
      case .resource(let name):
        $0.line("let folder = Bundle.module.resourcePath ?? Bundle.module.bundlePath")
        $0.line("let path = folder + \(TypeSource.literal("/" + name))")
        $0.line("session = try Session(contentsOf: path, options: options)")
      }
    }
  }

  private func types(
    _ source: inout SwiftSource, _ name: String, _ noun: String, _ ports: [Port]
  ) {
    guard !ports.isEmpty else { return }
    source.line()
    source.line("/// The types of the \(noun).")
    source.block("\(modifier)enum \(name)") {
      for port in ports {
        $0.comment(port.summary)
        $0.line("\(modifier)static let \(port.source) = \(TypeSource.declared(port.type))")
      }
    }
  }

  private func classes(_ source: inout SwiftSource) {
    let classes = ClassList.names(in: model)
    guard !classes.isEmpty else { return }
    source.line()
    source.line("/// The names of the classes, in the order of their scores.")
    source.line("\(modifier)static let classes: [String] = [")
    for name in classes { source.line("  \(TypeSource.literal(name)),") }
    source.line("]")
  }

  private func results(
    _ source: inout SwiftSource, _ name: String, _ noun: String,
    _ properties: [(port: Port, type: String, expression: String)]
  ) {
    source.line()
    source.line("/// The \(noun).")
    source.block("\(modifier)struct \(name): Sendable") {
      for property in properties {
        $0.comment(property.port.summary)
        $0.line("\(modifier)let \(property.port.source): \(property.type)")
      }
      $0.line()
      $0.block("fileprivate init(_ results: OutputValues) throws(ModelError)") {
        for property in properties {
          $0.line("self.\(property.port.source) = try results.\(property.expression)")
        }
      }
    }
  }

  private func read(_ port: Port) -> String {
    switch port.form {
    case .tensor: "tensor(\(port.literal))"
    case .tensors: "tensors(\(port.literal))"
    case .optionalTensor: "optionalTensor(\(port.literal))"
    case .value: "value(\(port.literal))"
    }
  }

  private func readArray(_ port: Port) -> String {
    let element = port.type?.tensorType?.swiftElement ?? ""
    return "\(isScalar(port) ? "scalar" : "array")(\(port.literal), as: \(element).self)"
  }

  func isScalar(_ port: Port) -> Bool { port.type?.tensorType?.shape?.rank == 0 }

  func arrayType(_ port: Port) -> String {
    let element = port.type?.tensorType?.swiftElement ?? ""
    return isScalar(port) ? element : "[\(element)]"
  }
}
