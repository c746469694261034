import ONNX
import Testing

@Suite struct ZeroStateTests {
  /// A layer of two units over one input, the first state in an initializer.
  static func model(state: [Float]) -> Model {
    func tensor(_ name: String, _ shape: [Int], _ values: [Float]) -> NamedTensor {
      NamedTensor(name, Tensor(shape: shape, values))
    }
    var graph = Graph(name: "recurrent")
    graph.nodes = [
      Node("Slice", inputs: ["states", "zero", "one", "zero"], outputs: ["h"]),
      Node(
        "RNN", inputs: ["x", "W", "R", "", "", "h"], outputs: ["", "last"],
        attributes: [Attribute("hidden_size", .int(2))]),
      Node("Squeeze", inputs: ["last", "zero"], outputs: ["scores"]),
    ]
    graph.inputs = [ValueInfo("x", .tensor(.float32, [3, 2, 1]))]
    graph.outputs = [ValueInfo("scores", .tensor(.float32, [2, 2]))]
    graph.initializers = [
      tensor("W", [1, 2, 1], [0.5, -0.4]), tensor("R", [1, 2, 2], [0.3, 0.2, -0.1, 0.6]),
      tensor("states", [2, 2, 2], state),
      NamedTensor("zero", Tensor(shape: [1], [Int64(0)])),
      NamedTensor("one", Tensor(shape: [1], [Int64(1)])),
    ]
    return Model(graph: graph, operatorSets: [OperatorSetImport(version: 17)])
  }

  @Test func zerosThatARecurrenceBeginsWithAreNotLearned() throws {
    let zeros = [Float](repeating: 0, count: 8)
    #expect(try Trainer(Self.model(state: zeros), TrainingOptions()).parameters == ["W", "R"])
  }

  @Test func otherFirstStatesAre() throws {
    let states: [Float] = [0.1, 0.2, 0.3, 0.4, 0, 0, 0, 0]
    let trainer = try Trainer(Self.model(state: states), TrainingOptions())
    #expect(trainer.parameters == ["W", "R", "states"])
  }

  @Test func zerosThatAreUsedElsewhereToo() throws {
    var model = Self.model(state: [Float](repeating: 0, count: 8))
    model.graph.nodes.append(
      Node("ReduceSum", inputs: ["states"], outputs: ["offset"]))
    model.graph.nodes.append(Node("Add", inputs: ["scores", "offset"], outputs: ["sum"]))
    model.graph.outputs = [ValueInfo("sum", nil)]
    #expect(try Trainer(model, TrainingOptions()).parameters == ["W", "R", "states"])
  }
}
