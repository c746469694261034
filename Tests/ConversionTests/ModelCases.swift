import Foundation
import ONNX
import Testing
import ToolSupport

/// The folder of the standard's cases, which `tools/test` writes.
let standardCases: String = {
  if let folder = ProcessInfo.processInfo.environment["ONNX_CASES"] { return folder }
  return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent(".build/cases").path
}()

/// A case of the standard: a model and its inputs.
struct ModelCase: Sendable {
  let name: String
  let model: Model
  let inputs: [String: Value]
  let tolerance: Tolerance

  /// Whether all cases are run, not every fourth.
  static let takesAll = ProcessInfo.processInfo.environment["ONNX_OPSETS"] == "all"

  /// The cases of single operators, except for those that need codecs.
  static func names() throws -> [String] {
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(standardCases)/node")
      .filter { !$0.hasPrefix("test_image_decoder") }.sorted()
    return names.enumerated().filter { takesAll || $0.offset % 4 == 0 }.map(\.element)
  }

  init(_ name: String) throws {
    self.name = name
    let path = "\(standardCases)/node/\(name)"
    model = try Model(contentsOf: "\(path)/model.onnx")
    var inputs: [String: Value] = [:]
    for (index, info) in model.graph.inputs.enumerated() {
      let file = "\(path)/test_data_set_0/input_\(index).pb"
      if fileExists(file) { inputs[info.name] = try readMessage(file, info.type) }
    }
    self.inputs = inputs
    let file = "\(path)/tol"
    tolerance =
      fileExists(file)
      ? try Tolerance(parsing: try readText(file)) : Tolerance(relative: 1e-3, absolute: 1e-7)
  }

  private init(_ other: ModelCase, _ model: Model, _ inputs: [String: Value]) {
    self.name = other.name
    self.model = model
    self.inputs = inputs
    self.tolerance = other.tolerance
  }

  /// The case with all inputs but the first as constants of the model.
  var frozen: ModelCase {
    var model = model
    var inputs = inputs
    for info in self.model.graph.inputs.dropFirst() {
      guard let tensor = inputs[info.name]?.tensor else { continue }
      inputs[info.name] = nil
      model.graph.inputs.removeAll { $0.name == info.name }
      model.graph.initializers.append(NamedTensor(info.name, tensor))
    }
    return ModelCase(self, model, inputs)
  }

  /// The outputs of a model for the case's inputs, without optimization.
  func run(_ model: Model) throws -> [String: Value] {
    var options = SessionOptions()
    options.threads = 1
    options.passes = []
    options.expansions = [.gradients]
    return try Session(model, options: options).run(values: inputs)
  }
}
