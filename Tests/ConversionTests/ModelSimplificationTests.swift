import ONNX
import ONNXConversion
import Testing
import ToolSupport

/// The nodes that simplification leaves.
@Suite struct ModelSimplificationTests {
  private func constant(_ name: String, _ shape: [Int], _ seed: UInt64) -> NamedTensor {
    NamedTensor(name, noise(shape, seed: seed))
  }

  @Test func channelsAreFoldedIntoConvolutions() throws {
    let variance = Tensor(shape: [4], [0.5, 1, 1.5, 2] as [Float])
    let network = model(
      17, [1, 2, 5, 5],
      [
        Node("Conv", inputs: ["x", "w"], outputs: ["a"]),
        Node("BatchNormalization", inputs: ["a", "s", "b", "m", "v"], outputs: ["n"]),
        Node("Mul", inputs: ["factor", "n"], outputs: ["p"]),
        Node("Sub", inputs: ["p", "offset"], outputs: ["q"]),
        Node("Relu", inputs: ["q"], outputs: ["r"]),
        Node("ConvTranspose", inputs: ["r", "t", "tb"], outputs: ["u"]),
        Node("Div", inputs: ["u", "number"], outputs: ["y"]),
      ],
      constants: [
        constant("w", [4, 2, 3, 3], 1), constant("s", [4], 2), constant("b", [4], 3),
        constant("m", [4], 4), NamedTensor("v", variance), constant("factor", [1, 4, 1, 1], 5),
        constant("offset", [4, 1, 1], 6), constant("t", [4, 3, 2, 2], 7), constant("tb", [3], 8),
        NamedTensor("number", Tensor(Float(1.7))),
      ])
    let simple = try network.simplified()
    #expect(simple.operatorNames == ["Conv", "Relu", "ConvTranspose"])
    let x = noise([1, 2, 5, 5], seed: 9)
    for (a, b) in zip(try run(network, x), try run(simple, x)) { #expect(abs(a - b) < 1e-5) }
  }

  @Test func whatOthersReadIsNotFolded() throws {
    let network = model(
      17, [1, 2, 5, 5],
      [
        Node("Conv", inputs: ["x", "w"], outputs: ["a"]),
        Node("Mul", inputs: ["a", "factor"], outputs: ["b"]),
        Node("Add", inputs: ["a", "b"], outputs: ["y"]),
      ], constants: [constant("w", [4, 2, 3, 3], 1), constant("factor", [4, 1, 1], 2)])
    #expect(try network.simplified().operatorNames == ["Conv", "Mul", "Add"])
  }

  @Test func redundantNodesGo() throws {
    let network = model(
      17, [2, 3],
      [
        Node("Identity", inputs: ["x"], outputs: ["a"]),
        Node("Exp", inputs: ["a"], outputs: ["b"]), Node("Exp", inputs: ["x"], outputs: ["c"]),
        Node("Add", inputs: ["b", "zero"], outputs: ["d"]),
        Node(
          "Transpose", inputs: ["c"], outputs: ["e"], attributes: [.ints("perm", [0, 1])]),
        Node("Mul", inputs: ["d", "e"], outputs: ["y"]),
      ], constants: [NamedTensor("zero", Tensor(shape: [3], [0, 0, 0] as [Float]))])
    let simple = try network.simplified()
    #expect(simple.operatorNames == ["Exp", "Mul"])
    let x = noise([2, 3])
    #expect(try run(simple, x) == run(network, x))
  }

  @Test func sizesKnownInPartAreConstants() throws {
    var network = model(
      17, [2, 3],
      [
        Node("Shape", inputs: ["x"], outputs: ["shape"]),
        Node("Gather", inputs: ["shape", "one"], outputs: ["size"]),
        Node("Cast", inputs: ["size"], outputs: ["number"], attributes: [.int("to", 1)]),
        Node("Sqrt", inputs: ["number"], outputs: ["root"]),
        Node("Div", inputs: ["x", "root"], outputs: ["y"]),
      ], constants: [NamedTensor("one", Tensor(Int64(1)))])
    network.graph.inputs[0].type = .tensor(.float32, [.symbol("batch"), 3])
    let simple = try network.simplified()
    #expect(simple.operatorNames == ["Div"])
    let x = noise([4, 3])
    #expect(try run(simple, x) == run(network, x))
  }

  /// Before IR version 4 every initializer had to be an input.
  @Test func initializersOfOldFormatsAreNoInputs() throws {
    var old = model(
      8, [2], [Node("Mul", inputs: ["x", "c"], outputs: ["y"])],
      constants: [NamedTensor("c", Tensor(shape: [2], [2, 3] as [Float]))])
    old.irVersion = 3
    old.graph.inputs.append(ValueInfo("c", .tensor(.float32, [2])))
    let simple = try old.simplified()
    #expect(simple.graph.inputs.map(\.name) == ["x"])
    #expect(simple.irVersion == 4)
  }
}
