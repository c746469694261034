import ONNX
import ONNXConversion
import Testing

/// `Texts/everything.onnx` was written by `onnx.parser` for the text beside it:
/// `tools/generate/conversion_texts.py`.
@Suite struct TextSyntaxTests {
  @Test func readsWhatTheReferenceParserReads() throws {
    let model = try Model(text: try TextExamples.bytes("everything.onnxtxt"))
    let expected = try Model(contentsOf: TextExamples.path("everything.onnx"))
    #expect(try model.serialized() == expected.serialized())
  }

  @Test func textOfAModelReadsBack() throws {
    let model = try Model(contentsOf: TextExamples.path("everything.onnx"))
    let text = model.text()
    #expect(try Model(text: text.bytes).serialized() == model.serialized())
    #expect(text.warnings.isEmpty)
  }

  /// Numbers as `onnx.printer` prints them.
  @Test func numbersAreTheShortestThatReadBack() throws {
    let floats: [Float] = [
      0.1, -0.0, 1, 100000, 123_456_792, 16_777_216, 1e22, 1e21, Float.leastNonzeroMagnitude, 1e-4,
      1e-5, 1_234_567,
      3.4028235e38, 0.333333333, 1.5e10, -2.5e-7, 99999.5, -.infinity,
    ]
    let doubles: [Double] = [
      .leastNonzeroMagnitude, 1.7976931348623157e308, 1 / 3, 1e16, 123_456_789_012_345_680, 0x1p63,
      0x3p64,
    ]
    let model = TextExamples.model(attributes: [
      .floats("f", floats),
      Attribute("d", .tensor(NamedTensor("", Tensor(shape: [7], doubles)))),
    ])
    let text = String(decoding: model.text().bytes, as: UTF8.self)
    #expect(
      text.contains(
        "f: floats = [0.1, -0, 1, 1e+05, 123456792, 16777216, 1e+22, 1e+21, 1e-45, 1e-04, 1e-05, "
          + "1234567, 3.4028235e+38, 0.33333334, 1.5e+10, -2.5e-07, 99999.5, -inf]"))
    #expect(
      text.contains(
        "d: tensor = double[7] {5e-324,1.7976931348623157e+308,0.3333333333333333,1e+16,"
          + "123456789012345680,9223372036854775808,55340232221128654848}"))
    #expect(try Model(text: text).serialized() == model.serialized())
  }

  /// Elements of less than a byte are written as packed bytes, and read in either form.
  @Test(arguments: [
    ("int4[3] {30, 1}", "int4[3] {-2, 1, 1}"), ("uint4[2] {255}", "uint4[2] {15, 15}"),
    ("uint2[5] {27, 2}", "uint2[5] {3, 2, 1, 0, 2}"), ("int2[2] {14}", "int2[2] {-2, -1}"),
    ("float4e2m1[3] {18, 15}", "float4e2m1[3] {2, 1, 15}"),
    ("float6e2m3[2] {63, 1}", "float6e2m3[2] {63, 1}"),
  ]) func narrowElementsReadInBothForms(shared: String, each: String) throws {
    let models = try [shared, each].map {
      try Model(text: "g () => () { y = Constant <value = \($0)> () }")
    }
    #expect(try models[0].serialized() == models[1].serialized())
    let text = String(decoding: models[1].text().bytes, as: UTF8.self)
    #expect(text.contains(shared.replacing(", ", with: ",")))
  }

  /// An attribute with a kind but no value is a parameter of the function.
  @Test func kindsOfAFunctionsAttributesNeedNoValue() throws {
    let model = try Model(
      text: """
        <ir_version: 10, opset_import: ["" : 19, "own": 1]>
        g (float[N] x) => (float[N] y) { y = own.f <a = 0.5> (x) }
        <domain: "own", opset_import: ["" : 19]>
        f <a : float, b, c : float = 1.0, d : int> (p) => (q) { q = Elu <alpha : float = @a> (p) }
        """)
    #expect(model.functions[0].attributes == ["a", "b", "d"])
    #expect(model.functions[0].attributeDefaults.map(\.name) == ["c"])
  }

  @Test func listsOfTensorsGraphsAndTypesReadBack() throws {
    let tensors = [NamedTensor("", Tensor(shape: [2], [1, 2] as [Float]))]
    let graphs = ["inner", "a name", "float"].map { Graph(name: $0) }
    let model = TextExamples.model(attributes: [
      Attribute("a", .tensors(tensors)), Attribute("b", .graphs(graphs)),
      Attribute("c d", .types([.sequence(.tensor(.int8, [2]))])),
    ])
    let text = model.text()
    #expect(try Model(text: text.bytes).serialized() == model.serialized())
    #expect(
      text.warnings == [
        "attribute 'a': onnx.parser skips its tensors",
        "attribute 'b': onnx.parser skips its graphs",
        "graph 'a name': onnx.parser cannot read the name of a graph in an attribute",
        "attribute 'c d': onnx.parser cannot read its name",
        "attribute 'c d': onnx.parser skips its types",
      ])
  }

  @Test func whatTheSyntaxCannotHoldIsNamed() throws {
    let one = NamedTensor("s", Tensor(shape: [1], [1] as [Float]))
    let indices = NamedTensor("i", Tensor(shape: [1], [0] as [Int64]))
    let sparse = SparseTensor(values: one, indices: indices, shape: [4])
    var model = TextExamples.model(attributes: [Attribute("sparse", .sparseTensor(sparse))])
    model.graph.docString = "text"
    model.graph.nodes[0].docString = "text"
    model.graph.nodes.append(model.graph.nodes[0])
    model.graph.sparseInitializers = [sparse]
    model.graph.inputs = [ValueInfo("x", .sequence(nil))]
    let text = model.text()
    #expect(
      text.warnings == [
        "value 'x': type omitted", "graph 'g': doc string omitted",
        "graph 'g': sparse initializers omitted",
        "node 'y' and 1 more: attribute 'sparse' omitted",
        "node 'y' and 1 more: doc string omitted",
      ])
    let read = try Model(text: text.bytes)
    #expect(read.graph.nodes.map(\.outputs) == [["y"], ["y"]])
    #expect(read.graph.nodes[0].attributes.isEmpty)
  }

  @Test(arguments: [
    ("", "line 1, column 1: expected a name, found the end"),
    ("g (float x\n  => (float y) {}", "line 2, column 4: expected the tensor's elements"),
    ("g () => () { y = A <a = 1 }", "line 1, column 27: expected '>', found '}'"),
    ("g () => () { y = A <a: ints = [1, 2.5]> () }", "expected a value of int, found one of float"),
    ("g () => () { y = A <a = []> () }", "an empty list needs a kind"),
    ("g () => () { y = A <a: int = []> () }", "expected a single value, found a list"),
    ("g () => () { y = A <a: number = 1> () }", "expected a kind of attribute"),
    ("g () => () { y = A <a = 1e400> () }", "'1e400' is out of the range of Float"),
    ("g () => () { y = A <a = 9223372036854775808> () }", "does not fit into 64 bits"),
    ("g () => () { y = A <a = \"abc> () }", "line 1, column 25: a quoted string is not terminated"),
    ("g () => () { y = A <a = int8[1] {128}> () }", "'128' is out of range, -128 to 127"),
    ("g () => () { y = A <a = int8[2] {1}> () }", "1 values do not fill the shape [2] of int8"),
    ("g () => () { y = A <a = float16[1] {65536}> () }", "65536 is out of range"),
    ("g () => () { y = A <a = float[N] {1}> () }", "needs a known shape"),
    ("g () => () { y = A <a = float[] {1}> () }", "needs a known shape"),
    ("g () => () { y = A <a = int64[4000000000, 4000000000] {}> () }", "too many elements"),
    ("g (float[-1] x) => () {}", "a dimension is negative: -1"),
    ("g (seq(int) x) => () {}", "expected a type"),
    ("g (map(seq, int8) x) => () {}", "expected an element type"),
    ("<ir_version: 1.5> g () => () {}", "expected an integer"),
    ("<color: 1> g () => () {}", "a model has no 'color'"),
    ("g () => () {} <color: 1> f () => () {}", "a function has no 'color'"),
    ("g () => () <float[2] w = [\"location\": \"w.bin\"]> {}", "no folder of external data"),
  ]) func badTextsAreErrors(text: String, message: String) {
    let error = #expect(throws: ConversionError.self) { try Model(text: text) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func deepNestingIsAnError() {
    let types = String(repeating: "seq(", count: 100_000)
    let graphs = String(repeating: "g () => () { y = A <a = ", count: 10_000)
    for text in ["g (\(types)", graphs] {
      let error = #expect(throws: ConversionError.self) { try Model(text: text) }
      #expect(error?.description.contains("nested deeper than 32") == true)
    }
  }

  /// Truncated texts and texts with a changed byte give a model or an error.
  @Test func damagedTextsDoNotTrap() throws {
    let text = try TextExamples.bytes("everything.onnxtxt")
    for length in stride(from: 0, to: text.count, by: 11) {
      _ = try? Model(text: Array(text.prefix(length)))
    }
    var random = TextExamples.Random()
    for _ in 0..<200 {
      var damaged = text
      for _ in 0..<3 {
        damaged[Int.random(in: 0..<text.count, using: &random)] = .random(in: 0...127)
      }
      if let model = try? Model(text: damaged) { _ = model.text() }
    }
  }
}
