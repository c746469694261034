import Glibc
import ONNX
import Testing

@Suite struct ModelTests {
  @Test func everyFieldSurvivesWritingAndReading() throws {
    let model = fullModel()
    let bytes = try model.serialized()
    let copy = try Model(serialized: bytes)
    #expect(try copy.serialized() == bytes)

    #expect(copy.irVersion == 14 && copy.modelVersion == -5 && copy.docString == "")
    #expect(copy.operatorSets == model.operatorSets)
    #expect(copy.metadataValue("vocabulary") == "[\"a\"]")
    let node = try #require(copy.graph.nodes.first)
    #expect(node.inputs == ["x", "", "w"] && node.overload == "o")
    #expect(node.attributes.count == model.graph.nodes[0].attributes.count)
    #expect(node.deviceConfigurations == model.graph.nodes[0].deviceConfigurations)
    if case .reference(let name, let type) = node.attributes.last?.value {
      #expect(name == "outer" && type == 2)
    } else {
      Issue.record("no reference")
    }
    if case .string(let bytes) = node.attribute("bytes")?.value {
      #expect(bytes.bytes == [0, 0xFF])
    } else {
      Issue.record("no bytes")
    }
    #expect(copy.graph.inputs[0].type == model.graph.inputs[0].type)
    #expect(copy.graph.initializers[0].tensor == model.graph.initializers[0].tensor)
    #expect(copy.graph.initializers[0].segment == TensorSegment(begin: 1, end: nil))
    #expect(copy.graph.valueInfos.map(\.type) == model.graph.valueInfos.map(\.type))
    #expect(copy.graph.sparseInitializers[0].shape == [2, 2])
    #expect(copy.functions[0].attributeDefaults.count == 1)
    #expect(copy.trainingInfos[0].algorithm?.nodes.count == 1)
    #expect(copy.deviceConfigurations == model.deviceConfigurations)
  }

  @Test func aFileIsReplacedWhole() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1, 2, 3], to: "model.onnx")
    let model = fullModel()
    try model.write(to: path)
    #expect(try folder.bytes("model.onnx") == model.serialized())
    #expect(try Model(contentsOf: path).serialized() == model.serialized())
    // A symbolic link stays a link to the file.
    symlink("model.onnx", folder.path("link.onnx"))
    var other = model
    other.docString = "other"
    try other.write(to: folder.path("link.onnx"))
    #expect(try Model(contentsOf: path).docString == "other")
    // A failed write leaves no file behind.
    other.graph.name = "a\0b"
    #expect(throws: FormatError.self) { try other.write(to: path) }
    #expect(try Model(contentsOf: path).docString == "other")
    #expect(folder.names == ["link.onnx", "model.onnx"])
  }

  @Test func presenceOfEmptyValuesSurvives() throws {
    // An attribute without a type, one without a value, entries without a key or value, an
    // undefined element type that is stated.
    let node = Wire().text(4, "Test")
      .message(5, Wire().text(1, "a").varint(3, 7))
      .message(5, Wire().text(1, "b").varint(20, 2))
      .message(5, Wire().text(1, "c").varint(20, 7))
      .message(9, Wire().text(1, "key"))
      .message(9, Wire().text(2, "value"))
    let input = Wire().text(1, "x").message(2, Wire().message(1, Wire().varint(1, 0)))
    let other = Wire().text(1, "y").message(2, Wire().message(1, Wire().message(2, Wire())))
    let bytes = Wire().message(1, node).message(11, input).message(11, other).asGraph.bytes
    let model = try Model(serialized: bytes)
    let attributes = model.graph.nodes[0].attributes
    if case .int(7) = attributes[0].value {} else { Issue.record("a is not 7") }
    if case .int(0) = attributes[1].value {} else { Issue.record("b is not 0") }
    if case .ints([]) = attributes[2].value {} else { Issue.record("c is not an empty list") }
    let again = try model.serialized()
    // The writer may order the fields differently, but keeps their number.
    #expect(again.count == bytes.count)
    #expect(try Model(serialized: again).serialized() == again)
  }

  @Test func oldAttributesWithoutTypeAreInferred() throws {
    let cases: [(Wire, String)] = [
      (Wire().fixed32(2, 1.5), "float(1.5)"), (Wire().text(4, ""), "string"),
      (Wire().varint(8, 1).varint(8, 2), "ints([1, 2])"),
      (Wire().bytes(8, [1, 2, 0x80, 1]), "ints([1, 2, 128])"),
      (Wire().fixed32(7, 1).fixed32(7, 2), "floats([1.0, 2.0])"),
      (Wire().text(9, "x"), "strings"),
    ]
    for (value, expected) in cases {
      let model = try Model(serialized: Wire().text(1, "a").raw(value.bytes).asAttribute.bytes)
      let read = try #require(model.graph.nodes[0].attributes.first)
      #expect("\(read.value)".hasPrefix(expected))
    }
  }

  @Test func messagesMayBeManyAndLong() throws {
    let count = 5_000
    let nodes = (0..<count).map { index in
      Node("Relu", inputs: ["value\(index)"], outputs: ["value\(index + 1)"])
    }
    let wide = Node("Sum", inputs: (0..<count).map { "value\($0)" }, outputs: ["sum"])
    let model = Model(
      graph: Graph(name: "g", nodes: nodes + [wide]),
      operatorSets: [OperatorSetImport(version: 20)])
    let folder = try TemporaryFolder()
    // Long enough for several windows of the file.
    try model.write(to: folder.path("model.onnx"))
    let copy = try Model(contentsOf: folder.path("model.onnx"))
    #expect(copy.graph.nodes.count == count + 1)
    #expect(copy.graph.nodes[count - 1].outputs == ["value\(count)"])
    #expect(copy.graph.nodes[count].inputs.count == count)
  }
}
