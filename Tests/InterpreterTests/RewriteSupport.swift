import ONNX
import Testing

/// Models of nodes that rewriting may replace.
protocol RewriteSuite {}

extension RewriteSuite {
  private var x: Tensor { floats([2, 3, 4], (0..<24).map { Float(($0 * 37) % 19) / 4 - 2 }) }

  func node(_ type: String, _ inputs: [String], _ output: String) -> Node {
    Node(type, inputs: inputs, outputs: [output])
  }

  private func scalar(_ name: String, _ value: Float) -> NamedTensor {
    NamedTensor(name, Tensor(value))
  }

  private var initializers: [NamedTensor] {
    [
      scalar("epsilon", 1e-5), scalar("half", 0.5), scalar("one", 1), scalar("two", 2),
      scalar("three", 3), scalar("six", 6), scalar("zero", 0), scalar("root2", 1.414_213_5),
      scalar("inverse root2", 0.707_106_77), scalar("cubic", 0.044715),
      scalar("factor", 0.797_884_6), scalar("alpha", 1.702),
      NamedTensor("last", Tensor(shape: [1], [-1 as Int64])),
      NamedTensor("middle", Tensor(shape: [1], [1 as Int64])),
      NamedTensor("scale", floats([4], [0.5, 2, -1, 3])),
      NamedTensor("bias", floats([4], [1, -2, 0.25, 0])),
      NamedTensor("column", floats([3, 1], [1, 2, 3])),
    ]
  }

  /// Runs the model with rewriting alone and without any pass, and compares the outputs.
  /// - Returns: the operators after rewriting.
  @discardableResult
  func rewritten(
    _ nodes: [Node], outputs: [String] = ["y"], opset: Int64 = 18, shape: Shape? = nil,
    extra: [NamedTensor] = []
  ) throws -> [String] {
    let model = Models.model(
      nodes, inputs: [ValueInfo("x", .tensor(.float32, shape ?? Shape(x.shape)))],
      outputs: outputs, initializers: initializers + extra, opset: opset)
    var options = SessionOptions()
    options.threads = 1
    options.passes = []
    let plain = try Session(model, options: options).run(["x": x])
    options.passes = [.rewriting]
    let session = try Session(model, options: options)
    let results = try session.run(["x": x])
    for name in outputs {
      let a = try #require(try plain[name]?.array(as: Float.self))
      let b = try #require(try results[name]?.array(as: Float.self))
      #expect(plain[name]?.shape == results[name]?.shape)
      #expect(
        zip(a, b).allSatisfy { abs($0 - $1) <= 2e-6 * max(1, abs($0)) || $0.isNaN && $1.isNaN },
        "\(name): \(a), \(b)")
    }
    return try session.describePlan(shapes: ["x": x.shape]).steps.map(\.operatorType)
  }

  /// The mean over the last axis, as the operator set has it.
  func mean(
    _ input: String, _ output: String, axes: String = "last", keepsAxes: Bool = true
  ) -> Node {
    var node = node("ReduceMean", [input, axes], output)
    if !keepsAxes { node.attributes.append(.int("keepdims", 0)) }
    return node
  }
}
