import Glibc
import ONNX
import Testing

/// Files that are not models: each must give an error of one line, never a crash.
@Suite struct BadModelTests {
  @Test func cutAnywhere() throws {
    let bytes = try fullModel().serialized()
    for count in 0..<bytes.count {
      if let error = modelError(Array(bytes[..<count])) { #expect(!error.contains("\n")) }
    }
    #expect(modelError(Array(bytes[..<(bytes.count / 2)])) != nil)
  }

  @Test(arguments: [0, 0x80, 0xFF] as [UInt8])
  func anyByteChanged(to value: UInt8) throws {
    var bytes = try fullModel().serialized()
    for index in bytes.indices {
      let old = bytes[index]
      bytes[index] = value
      if let error = modelError(bytes) { #expect(!error.contains("\n")) }
      bytes[index] = old
    }
  }

  @Test func notAFile() throws {
    let folder = try TemporaryFolder()
    func error(_ path: String) -> String {
      do throws(FormatError) {
        _ = try Model(contentsOf: path)
        return ""
      } catch { return error.description }
    }
    #expect(error(folder.path) == "\(folder.path): is a directory, not a file")
    #expect(error(folder.path("none")) == "\(folder.path("none")): No such file or directory")
    let empty = try folder.write([], to: "empty")
    #expect(error(empty) == "\(empty): the file is empty")
    mkfifo(folder.path("pipe"), 0o600)
    #expect(error(folder.path("pipe")).contains("pipe"))
    #expect(try error(folder.write(Array("hello, world".utf8), to: "text")) != "")
    #expect(try error(folder.write([8, 7], to: "nograph")).contains("it has no graph"))
    #expect(error("a\0b").contains("NUL"))
    #expect(error(folder.path("a\nb")).contains("a\\u{a}b"))
  }

  @Test func nestedDeep() throws {
    // 100,000 nested types. The bytes are built in reverse, since each length precedes its message.
    var bytes: [UInt8] = []
    for _ in 0..<100_000 {
      // TypeProto.sequence_type, Sequence.elem_type.
      var outer = Wire.varint(UInt64(bytes.count)).reversed() + [0x0A]
      bytes += outer
      outer = Wire.varint(UInt64(bytes.count)).reversed() + [0x22]
      bytes += outer
    }
    let type = Array(bytes.reversed())
    let model = Wire().message(11, Wire().text(1, "x").bytes(2, type)).asGraph
    #expect(modelError(model)?.contains("nested deeper than 100") == true)
    var options = ReadingOptions()
    options.limits.nesting = 3
    let full = try fullModel().serialized()
    #expect(modelError(full, options)?.contains("nested deeper than 3") == true)
  }

  @Test func lengthsBeyondTheParent() {
    #expect(modelError([0x3A, 0x7F, 0x0A])?.contains("extends beyond its message") == true)
    let huge = Wire().raw([0x3A] + [UInt8](repeating: 0xFF, count: 9) + [0x01])
    #expect(modelError(huge)?.contains("extends beyond its message") == true)
    #expect(
      modelError(Wire().raw([UInt8](repeating: 0xFF, count: 20)))?.contains("64 bits") == true)
    // A submessage that ends within the model, but not within its parent.
    let node = Wire().raw([0x2A, 0x05, 0x0A, 0x01])
    #expect(modelError(node.asNode.raw([0, 0, 0, 0]))?.contains("extends beyond") == true)
  }

  @Test func wrongKindsOfValues() {
    #expect(modelError(Wire().varint(7, 1))?.contains("wrong wire type") == true)
    #expect(modelError(Wire().raw([0x0B, 0x0C]))?.contains("unknown wire type") == true)
    #expect(modelError(Wire().raw([0x00, 0x01]))?.contains("out of range") == true)
    #expect(
      modelError(Wire().bytes(2, [0x61, 0x00]).message(7, Wire()))?.contains("NUL") == true)
    #expect(
      modelError(Wire().bytes(2, [0xC3, 0x28]).message(7, Wire()))?.contains("UTF-8") == true)
    #expect(
      modelError(Wire().message(7, Wire()).message(7, Wire()))?.contains("'graph' twice") == true)
  }

  @Test func manyEmptyMessages() {
    for field: UInt64 in [1, 5, 11, 12, 13, 14, 15, 16] {
      let one = Wire.varint(field << 3 | 2) + [0]
      let graph = [[UInt8]](repeating: one, count: 100_000).flatMap { $0 }
      #expect(modelError(Wire().bytes(7, graph))?.contains("an empty") == true)
      // Only fields that the standard does not define; without them the message is empty.
      let strange = Wire.varint(field << 3 | 2) + [3] + Wire.varint(127 << 3) + [0]
      #expect(modelError(Wire().bytes(7, strange))?.contains("an empty") == true)
    }
  }

  @Test func memoryHasALimit() {
    let attribute: [UInt8] = [0x2A, 2, 0x0A, 0]
    let attributes = [[UInt8]](repeating: attribute, count: 250_000).flatMap { $0 }
    #expect(modelError(Wire().raw(attributes).asNode)?.contains("bytes of memory") == true)

    let names = [[UInt8]](repeating: [0x0A, 0], count: 20_000).flatMap { $0 }
    let model = Wire().text(4, "Sum").raw(names).asNode
    #expect(modelError(model) == nil)
    var options = ReadingOptions()
    options.limits.memory = 500_000
    #expect(modelError(model, options)?.contains("bytes of memory") == true)
  }

  @Test func tooManyDimensions() {
    let dimension = Wire().varint(1, 1)
    let shape = (0..<65).reduce(Wire()) { wire, _ in wire.message(1, dimension) }
    let type = Wire().message(1, Wire().varint(1, 1).message(2, shape))
    let model = Wire().message(11, Wire().text(1, "x").message(2, type)).asGraph
    #expect(modelError(model)?.contains("more than 64 dimensions") == true)
    let tensor = Wire().bytes(1, [UInt8](repeating: 1, count: 65)).varint(2, 1).bytes(
      9, [0, 0, 0, 0])
    #expect(modelError(tensor.asInitializer)?.contains("more than 64 dimensions") == true)
  }

  /// Converters write −1, and onnxruntime takes any negative size, for a free dimension.
  @Test func negativeSizesAreFree() throws {
    let shape = Wire().message(1, Wire().varint(1, -1)).message(1, Wire().varint(1, 3))
      .message(1, Wire().varint(1, -7))
    let tensor = Wire().message(1, Wire().varint(1, 1).message(2, shape))
    let list = Wire().message(4, Wire().message(1, tensor))
    let optional = Wire().message(9, Wire().message(1, list))
    func info(_ name: String, _ type: Wire) -> Wire { Wire().text(1, name).message(2, type) }
    let graph = Wire().message(11, info("x", tensor)).message(12, info("y", optional))
      .message(13, info("v", list)).asGraph
    let read = try Model(serialized: graph.bytes).graph
    let expected = ValueType.tensor(.float32, [.unknown, 3, .unknown] as Shape)
    #expect(read.inputs.map(\.type) == [expected])
    #expect(read.valueInfos.map(\.type) == [.sequence(expected)])
    #expect(read.outputs.map(\.type) == [.optional(.sequence(expected))])
  }

  @Test func contentThatMakesNoSense() {
    let unknown = Wire().message(1, Wire().varint(1, 99))
    #expect(
      modelError(Wire().message(11, Wire().text(1, "x").message(2, unknown)).asGraph)
        == "value 'x': unknown element type 99")
    #expect(modelError(Wire().text(3, "n").asNode) == "node 'n' (?): it has no operator type")
    #expect(
      modelError(Wire().text(1, "a").asAttribute)
        == "node '' (Test): attribute 'a': it states no type and holds no value")
    #expect(
      modelError(Wire().text(1, "a").varint(3, 1).fixed32(2, 1).asAttribute)?
        .contains("several values") == true)
    #expect(
      modelError(Wire().text(1, "a").varint(20, 1).varint(3, 1).asAttribute)?
        .contains("its type is float, but it holds a value of type int") == true)
    #expect(
      modelError(Wire().text(1, "a").varint(20, 4).asAttribute)?.contains("holds no value") == true)
    #expect(
      modelError(Wire().text(1, "a").varint(20, 77).asAttribute)?.contains("unknown type") == true)
    #expect(modelError(Wire().varint(20, 2).asAttribute)?.contains("no name") == true)
    #expect(
      modelError(Wire().text(1, "a").text(21, "b").varint(3, 1).asAttribute)?
        .contains("refers to 'b'") == true)
  }

  @Test func namesOfAFileAreEscaped() {
    let wire = Wire().text(3, "a\u{1B}[2J\nb").asNode
    #expect(modelError(wire) == "node 'a\\u{1b}[2J\\u{a}b' (?): it has no operator type")
  }
}
