import Foundation
import HTTPTypes
import ONNX
import Serving

/// The inputs of a run that the page asks for.
struct LookRunRequest: Decodable {
  /// What inputs hold that are not given.
  enum Fill: String, Decodable {
    /// Normally distributed numbers; for integers and booleans 0 and 1.
    case random
    case zeros, ones
  }

  /// Numbers of an input: float32, little-endian, in base64.
  struct Input: Decodable {
    let name: String
    let data: String
  }

  var fill = Fill.random
  var seed: UInt64 = 1
  /// The shapes of inputs, by name.
  var shapes: [String: [Int]] = [:]
  var inputs: [Input] = []
  /// The number of one value to look at closely; `nil` for all.
  var value: Int?

  private enum CodingKeys: CodingKey { case fill, seed, shapes, inputs, value }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    fill = try container.decodeIfPresent(Fill.self, forKey: .fill) ?? fill
    seed = try container.decodeIfPresent(UInt64.self, forKey: .seed) ?? seed
    shapes = try container.decodeIfPresent([String: [Int]].self, forKey: .shapes) ?? shapes
    inputs = try container.decodeIfPresent([Input].self, forKey: .inputs) ?? inputs
    value = try container.decodeIfPresent(Int.self, forKey: .value)
  }
}

/// What a run computed.
struct LookRunResult: Encodable {
  struct Computed: Encodable {
    let value: Int
    let shape: [Int]
    let summary: TensorSummary
  }
  struct Time: Encodable {
    let node: Int
    let microseconds: Double
  }

  /// The values that are tensors.
  let values: [Computed]
  /// The time of each node of the model's graph.
  let times: [Time]
  let milliseconds: Double
}

extension LookedModel {
  /// Runs the model and summarizes values of its graph.
  /// - Throws: `ServingError` for inputs that do not fit, or a run that is too large or too long
  func run(_ request: LookRunRequest) throws(ServingError) -> LookRunResult {
    let inputs = try LookInputs(self, request).tensors
    let (copy, numbers) = try modelWithOutputs(request.value)
    let profile = Profile()
    let start = ContinuousClock.now
    let outputs: [String: Value]
    do {
      let session = try Session(copy, options: .looking)
      outputs = try session.run(values: inputs.mapValues(Value.tensor), profile: profile)
    } catch { throw refusal(error) }
    let time = ContinuousClock.now - start
    let isDetail = request.value != nil
    var values: [LookRunResult.Computed] = []
    // The elements that may still be looked at.
    var limit = 1 << 26
    func add(_ tensor: Tensor, _ number: Int) {
      let summary = TensorSummary(
        tensor, tiles: isDetail ? 64 : 4, side: isDetail ? 64 : 16, first: isDetail ? 64 : 0,
        limit: limit)
      limit -= min(limit, tensor.count)
      values.append(.init(value: number, shape: tensor.shape, summary: summary))
    }
    for (name, number) in numbers {
      if let tensor = outputs[name]?.tensor ?? inputs[name] { add(tensor, number) }
    }
    return LookRunResult(
      values: values, times: times(profile), milliseconds: time / .milliseconds(1))
  }

  /// The model with values of its graph as outputs, and their numbers by name. Nodes are renamed to
  /// their position, by which the profile finds them.
  private func modelWithOutputs(
    _ value: Int?
  ) throws(ServingError) -> (Model, [String: Int]) {
    var copy = model
    var numbers: [String: Int] = [:]
    let drawn = graph.graphs[0]
    let defaults = Set(model.graph.initializers.compactMap(\.name))
    let given = model.graph.inputs.map(\.name).filter { !defaults.contains($0) }
    let pairs =
      zip(model.graph.nodes, drawn.nodes).flatMap { zip($0.outputs, $1.outputs) }
      + zip(model.graph.outputs.map(\.name), drawn.outputs) + zip(given, drawn.inputs)
    for (name, number) in pairs where !name.isEmpty && (value == nil || value == number) {
      numbers[name] = number
    }
    if let value, numbers.isEmpty {
      throw ServingError(.badRequest, "the graph of the model computes no value \(value)")
    }
    let inputs = Set(model.graph.inputs.map(\.name))
    let outputs = numbers.keys.filter { !inputs.contains($0) }.sorted()
    if !outputs.isEmpty { copy.graph.outputs = outputs.map { ValueInfo($0, nil) } }
    for index in copy.graph.nodes.indices { copy.graph.nodes[index].name = Self.name(index) }
    return (copy, numbers)
  }

  private static func name(_ index: Int) -> String { "look:\(index)" }

  /// The answer to an error of a run, with the name that the node has in the model.
  private func refusal(_ error: ModelError) -> ServingError {
    guard case .node(let name, let type, let reason) = error, name.hasPrefix("look:"),
      let index = Int(name.dropFirst(5)), model.graph.nodes.indices.contains(index)
    else { return ServingError(error) }
    if case .deadline = reason {
      return ServingError(.deadline(limit: SessionOptions.looking.timeLimit ?? .zero))
    }
    return ServingError(
      .node(name: model.graph.nodes[index].name ?? "#\(index)", operatorType: type, reason))
  }

  private func times(_ profile: Profile) -> [LookRunResult.Time] {
    var sums: [Int: Double] = [:]
    for event in profile.events where event.name.hasPrefix("look:") {
      guard let index = Int(event.name.dropFirst(5)) else { continue }
      sums[index, default: 0] += event.duration / .microseconds(1)
    }
    return sums.sorted { $0.key < $1.key }.map { .init(node: $0.key, microseconds: $0.value) }
  }
}
