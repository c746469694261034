import ONNX
import TestFiles
import Testing

@testable import onnx_model_types

@Suite struct ModelTypeTests {
  private func source(
    _ inputs: [ValueInfo], _ outputs: [ValueInfo] = [ValueInfo("y", .tensor(.float32, ["N"]))],
    initializers: [NamedTensor] = [], irVersion: Int64 = 10, access: String = "internal",
    weights: ModelType.Weights = .embedded("AA=="), change: (inout Model) -> Void = { _ in }
  ) -> String {
    var model = Model(
      graph: Graph(inputs: inputs, outputs: outputs, initializers: initializers),
      operatorSets: [OperatorSetImport(version: 20)], irVersion: irVersion)
    change(&model)
    return ModelType(of: model, file: "net.onnx", access: access, weights: weights).source
  }

  @Test func sizesFollowFromTheNumberOfElements() {
    let text = source([
      ValueInfo("tokens", .tensor(.int64, ["N", "T"])),
      ValueInfo("h", .tensor(.float32, [1, "N", 160])),
      ValueInfo("t", .tensor(.float64, [Int]())),
    ])
    #expect(text.contains("func callAsFunction(tokens: Tensor, h: Tensor, t: Tensor)"))
    #expect(text.contains("func callAsFunction(tokens: [Int64], h: [Float], t: Double)"))
    #expect(text.contains("let N = try InputArray(\"h\", h).size(besides: [1, 160])"))
    #expect(text.contains("let T = try InputArray(\"tokens\", tokens).size(besides: [N])"))
    #expect(text.contains("InputArray(\"t\", [t]).tensor([])"))
    #expect(text.contains("static let h = TensorType(.float32, [1, .symbol(\"N\"), 160])"))
  }

  @Test(arguments: [
    ValueType.tensor(.float32, ["N", "T"]), .tensor(.float32, ["N", "N"]),
    .tensor(.float32, [.unknown]), .tensor(.float32, [.size(-1)]), .tensor(.float32, nil),
    .tensor(.bfloat16, [2]), .sequence(.tensor(.float32, [2])), ValueType(.undefined),
  ])
  func typesThatElementsDoNotDetermineHaveNoArrays(_ type: ValueType) {
    #expect(!source([ValueInfo("x", type)]).contains("ArrayOutput"))
  }

  @Test func variablesDifferFromParameters() {
    let text = source([
      ValueInfo("N", .tensor(.float32, [.symbol("N"), 2])),
      ValueInfo("values", .tensor(.float32, [.symbol("values")])),
    ])
    #expect(text.contains("let N_2 = try InputArray(\"N\", N).size(besides: [2])"))
    #expect(text.contains("let values_3 = try InputArray(\"values\", values).size(besides: [])"))
    #expect(text.contains("let values_2: [String: Value] = ["))
  }

  @Test func runsCanBeAwaited() {
    let text = source([ValueInfo("timeout", .tensor(.float32, [2]))])
    #expect(text.contains("(timeout: Tensor, timeout_2: Duration? = nil) async throws(ModelError)"))
    #expect(
      text.contains("(timeout: [Float], timeout_2: Duration? = nil) async throws(ModelError)"))
    #expect(text.contains("await self.session.run(values: values, timeout: timeout_2)"))
  }

  @Test func inputsWithADefaultMayBeLeftOut() {
    let inputs = [
      ValueInfo("x", .tensor(.float32, ["N"])), ValueInfo("alpha", .tensor(.float32, [1])),
    ]
    let alpha = NamedTensor("alpha", Tensor(shape: [1], [Float(1)]))
    let text = source(inputs, initializers: [alpha])
    #expect(text.contains("(x: Tensor, alpha: Tensor? = nil)"))
    #expect(text.contains("if let alpha { values[\"alpha\"] = .tensor(alpha) }"))
    #expect(text.contains("func callAsFunction(x: [Float])"))
    // Old models list all weights among their inputs.
    #expect(!source(inputs, initializers: [alpha], irVersion: 3).contains("alpha"))
  }

  @Test func sequencesOptionalsAndOtherValues() {
    let text = source(
      [
        ValueInfo("s", .sequence(.tensor(.float32, nil))),
        ValueInfo("o", .optional(.tensor(.int64, [2]))),
        ValueInfo("m", ValueType(.map(key: .string, value: .tensor(.float32, nil)))),
      ], [ValueInfo("y", nil), ValueInfo("z", .optional(.tensor(.bool, [Int]())))])
    #expect(text.contains("(s: [Tensor], o: Tensor?, m: Value)"))
    #expect(text.contains("let y: Value"))
    #expect(text.contains("self.z = try results.optionalTensor(\"z\")"))
    #expect(
      text.contains("ValueType(.map(key: .string, value: .tensor(TensorType(.float32, nil))))"))
  }

  @Test func textsOfTheModelCannotLeaveCommentsAndLiterals() {
    let hostile = "a\nlet b = 1\r\u{2028}\u{0B}c\\(d)\"*/\u{202E}"
    let text = source([ValueInfo(hostile, .tensor(.float32, [.symbol(hostile)]))]) {
      $0.docString = hostile
      $0.graph.inputs[0].docString = hostile
      $0.metadata = [MetadataEntry(key: "classes", value: "[\"\\n\\\"\\u2029\\\\(x)\"]")]
    }
    #expect(text.contains("/// a\n/// let b = 1\n"))
    #expect(text.contains("\"a\\u{a}let b = 1\\u{d}\\u{2028}\\u{b}c\\\\(d)\\\"*/\\u{202e}\""))
    #expect(text.contains("\"\\u{a}\\\"\\u{2029}\\\\(x)\","))
    let lines = text.split(whereSeparator: \.isNewline)
    #expect(
      lines.allSatisfy { !$0.contains("let b = 1") || $0.contains("///") || $0.contains("\"") })
    #expect(!text.contains("\u{202E}") && !text.contains("\u{2028}"))
  }

  @Test func accessAndResource() {
    let text = source(
      [ValueInfo("x", .tensor(.float32, [2]))], access: "public", weights: .resource("net.onnx"))
    #expect(text.contains("public import ONNX\n"))
    #expect(text.contains("\npublic struct Net: Sendable {"))
    #expect(text.contains("  public func callAsFunction(x: Tensor) throws(ModelError) -> Output"))
    #expect(text.contains("    public let y: Tensor"))
    #expect(text.contains("let path = folder + \"/net.onnx\""))
  }

  @Test func aModelWithoutInputsRuns() {
    #expect(source([]).contains("func callAsFunction() throws(ModelError) -> Output"))
  }

  @Test func theToolWritesSourceAndResource() throws {
    let folder = try TemporaryFolder()
    let x = NamedTensor("x", Tensor(shape: [1000], [Float](repeating: 1, count: 1000)))
    var model = Model(
      graph: Graph(
        nodes: [Node("Identity", inputs: ["x"], outputs: ["y"])],
        outputs: [ValueInfo("y", .tensor(.float32, [1000]))], initializers: [x]),
      operatorSets: [OperatorSetImport(version: 20)])
    model.irVersion = 10
    let options = WritingOptions(externalData: ExternalDataOptions(name: "net.data"))
    try model.write(to: folder.path("net.onnx"), options: options)

    let resource = try folder.makeFolder("out") + "/net.onnx"
    try OnnxModelTypes.run(
      [folder.path("net.onnx"), folder.path("net.swift"), "internal", resource])
    #expect(folder.names == ["net.data", "net.onnx", "net.swift", "out"])
    #expect(try Model(contentsOf: resource).graph.initializers[0].tensor == x.tensor)

    try OnnxModelTypes.run([folder.path("net.onnx"), folder.path("net.swift"), "internal"])
    let text = String(decoding: try folder.bytes("net.swift"), as: UTF8.self)
    #expect(text.contains("try Session(base64: Self.contents, options: options)"))
  }

  @Test func errorsNameTheFile() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("version https://git-lfs.github.com/spec/v1\n", to: "net.onnx")
    for arguments in [
      [path, "/tmp/x.swift", "internal"], [folder.path("no.onnx"), "x", "public"],
    ] {
      do {
        try OnnxModelTypes.run(arguments)
        Issue.record("no error")
      } catch {
        #expect(error.description.hasPrefix(arguments[0] + ": "))
      }
    }
    #expect(throws: GeneratorError.self) { try OnnxModelTypes.run(["net.onnx"]) }
  }
}

@Suite struct GeneratedCallTests {
  @Test func aModelInBase64Runs() throws {
    var model = Model(
      graph: Graph(
        nodes: [Node("Neg", inputs: ["x"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, [1]))],
        outputs: [ValueInfo("y", .tensor(.float32, [1]))]),
      operatorSets: [OperatorSetImport(version: 20)])
    model.irVersion = 10
    do throws(ModelError) {
      _ = try Session(base64: "no base64")
      Issue.record("no error")
    } catch {
      #expect(error.description == "the text is not valid base64")
    }
    #expect(throws: ModelError.self) { try Session(base64: "AAAA") }
  }

  @Test func sizesAndTensorsOfArrays() throws {
    let array = InputArray("x", [Float](repeating: 0, count: 12))
    #expect(try array.size(besides: [2, 3]) == 2)
    #expect(try InputArray("x", [Float]()).size(besides: [0]) == 0)
    #expect(try array.tensor([3, 4]).shape == [3, 4])
    for sizes in [[5], [0], [-1], [.max, .max]] {
      #expect(throws: ModelError.self) { try array.size(besides: sizes) }
      #expect(throws: ModelError.self) { try array.tensor(sizes) }
    }
  }

  @Test func outputsOfAnotherTypeAreErrors() throws {
    let outputs = OutputValues(["y": .tensor(Tensor(shape: [2], [Float(1), 2]))])
    #expect(try outputs.array("y", as: Float.self) == [1, 2])
    #expect(throws: ModelError.unknownName("z", nearest: "y")) { try outputs.tensor("z") }
    #expect(throws: ModelError.self) { try outputs.array("y", as: Int64.self) }
    #expect(throws: ModelError.self) { try outputs.scalar("y", as: Float.self) }
    #expect(throws: ModelError.self) { try outputs.tensors("y") }
    #expect(try outputs.optionalTensor("y")?.count == 2)
  }
}
