import ONNX
import Testing

@testable import ONNXConversion

/// Weights of other frameworks; `tools/generate/foreign_files.py` wrote the files.
struct ForeignFormatTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  static let files = [
    "old.h5", "new.h5", "blocks.gguf", "export.pt2", "export-2.1.pt2", "export-2.8.pt2",
    "keras3.keras",
  ]

  private func path(_ name: String) -> String { reference("Foreign/\(name)") }

  @Test(arguments: files)
  func everyTensorIsRead(name: String) throws {
    let stem = name.prefix { $0 != "." && $0 != "-" }
    let expected = try Weights(contentsOf: path("\(stem).safetensors")).tensors()
    let found = try Weights(contentsOf: path(name)).tensors()
    #expect(Set(found.keys) == Set(expected.keys))
    for (name, tensor) in expected { #expect(found[name] == tensor, "\(name)") }
  }

  @Test(arguments: files)
  func checkpointsAreWrittenAsSafetensors(name: String) throws {
    let copy = folder.path("copy.safetensors")
    let weights = try Weights(contentsOf: path(name))
    try weights.write(to: copy)
    #expect(try Weights(contentsOf: copy).tensors() == weights.tensors())
  }

  @Test func matricesOfGGUFHavePyTorchsLayout() throws {
    let weights = try Weights(contentsOf: path("blocks.gguf"))
    #expect(weights.layout == .pyTorch)
    #expect(weights.metadata.contains(MetadataEntry(key: "general.name", value: "blocks")))
    #expect(weights.entries.first?.shape == [2, 32])
  }

  @Test func aTypeThatIsNotReadIsNamed() throws {
    var bytes = Array("GGUF".utf8) + [3, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 15)
    bytes += [1, 0, 0, 0, 0, 0, 0, 0, UInt8(ascii: "w"), 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    bytes += [19, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
    let refusal = try #require(Weights.refusal(folder.write(bytes)))
    #expect(refusal.contains("tensor 'w'") && refusal.contains("IQ1_S"), "\(refusal)")
  }

  @Test func variablesOfKerasBecomeModules() throws {
    for name in ["keras3.keras", "keras3.h5"] {
      let weights = try Weights(contentsOf: path(name))
      #expect(weights.layout == .keras)
      let modules = weights.inModules()
      let shapes = Dictionary(uniqueKeysWithValues: modules.entries.map { ($0.name, $0.shape) })
      #expect(shapes["conv.weight"] == [3, 2, 2])
      #expect(shapes["norm.running_var"] == [3])
      #expect(shapes["both.weight_ih_l0_reverse"] == [6, 3])
      #expect(shapes["both.bias_hh_l0"] == [6])
      #expect(shapes["last.weight_hh_l0"] == [12, 3])
      #expect(shapes["head.weight"] == [2, 3])
      #expect(shapes.count == 20)
      // The order is that of the layers, not of the alphabet.
      #expect(modules.entries.first?.name.hasPrefix("conv") == true)
      #expect(modules.entries.last?.name.hasPrefix("head") == true)
      #expect(modules.epsilons["norm"] == 0.01)
      for entry in modules.entries { #expect(try entry.tensor().shape == entry.shape) }
    }
  }

  @Test func bothFormsOfKerasGiveTheSameModules() throws {
    let archive = try Weights(contentsOf: path("keras3.keras")).inModules().tensors()
    #expect(try Weights(contentsOf: path("keras3.h5")).inModules().tensors() == archive)
  }

  /// `tools/generate/keras_graphs.py` wrote these files with TensorFlow and tf2onnx.
  @Test(arguments: ["images.keras", "signals.h5", "texts.h5"])
  func graphsOfTf2onnxTakeTheWeightsOfKeras(name: String) throws {
    let stem = name.prefix { $0 != "." }
    let graph = try Model(contentsOf: path("\(stem).onnx"))
    let (model, report) = try graph.bound(to: Weights(contentsOf: path(name)))
    try report.checkComplete()
    let values = try Weights(contentsOf: path("\(stem).npz")).tensors()
    let outputs = try Session(model).run(["x": #require(values["x"])])
    let output = try #require(outputs.values.first)
    let expected = try #require(values["y"]).elements(as: Float.self)
    for (found, wanted) in zip(output.elements(as: Float.self), expected) {
      #expect(abs(found - wanted) < 1e-5 * max(1, abs(wanted)))
    }
  }

  @Test func aGRUOfTheOtherKindIsRefused() throws {
    var graph = try Model(contentsOf: path("texts.onnx"))
    for index in graph.graph.nodes.indices where graph.graph.nodes[index].operatorType == "GRU" {
      graph.graph.nodes[index].attributes.removeAll { $0.name == "linear_before_reset" }
    }
    #expect {
      try graph.bound(to: Weights(contentsOf: path("texts.h5")))
    } throws: {
      "\($0)".contains("linear_before_reset 1")
    }
  }

  @Test(arguments: files + ["keras3.h5"])
  func filesThatAreCutOffAreRefused(name: String) throws {
    let whole = try bytes(of: path(name))
    // GGUF files end with up to 31 bytes of padding.
    for count in [0, 1, 8, 30, 100, 1000, whole.count / 2, whole.count - 32] {
      let cut = try folder.write(Array(whole.prefix(count)))
      let refusal = try #require(Weights.refusal(cut), "\(count) bytes")
      #expect(!refusal.isEmpty && !refusal.contains("\n"))
    }
  }

  @Test(arguments: files + ["keras3.h5"])
  func changedBytesAreReadOrRefused(name: String) throws {
    let whole = try bytes(of: path(name))
    var random = SystemIndependentRandom(seed: 1)
    for _ in 0..<150 {
      var changed = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let position = Int.random(in: changed.indices, using: &random)
        changed[position] =
          Bool.random(using: &random) ? 0xFF : UInt8.random(in: 0...255, using: &random)
      }
      _ = Weights.refusal(try folder.write(changed))
    }
  }
}

/// A generator with the same numbers everywhere (SplitMix64).
private struct SystemIndependentRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
