import Foundation
import ONNX
import ONNXImages
import Testing

/// `onnx-train new rbm` and `new dbn`, run as a user would run them.
@Suite struct PretrainingTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  private func train(_ architecture: String, _ arguments: String...) throws -> Tool {
    try Tool(
      ["new", architecture, "--data", bars(), "--threads", "1"] + arguments,
      path: Tool.path(of: "onnx-train"))
  }

  /// Noisy pictures of 6 × 6 pixels with a bar in one of three places.
  private func bars() throws -> String {
    var random = RandomStream(seed: 1)
    let pixels = (0..<300).flatMap { picture in
      (0..<36).map { Float(random.uniform() / 2 + ($0 / 12 == picture % 3 ? 0.5 : 0)) }
    }
    let path = folder.path("bars.npz")
    try NPZ.write(
      [
        ("x", Tensor(shape: [300, 1, 6, 6], pixels)),
        ("y", Tensor(shape: [300], (0..<300).map { Int64($0 % 3) })),
      ], to: path)
    return path
  }

  @Test func aMachineIsWrittenAsAnOrdinaryNetwork() throws {
    let output = folder.path("rbm.onnx")
    let tool = try train("rbm", "--hidden", "8", "--epochs", "2", "--output", output)
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(tool.lines.last?.hasPrefix("test loss 0.") == true)
    let model = try Model(contentsOf: output)
    #expect(model.graph.outputs.map(\.name) == ["hidden", "reconstruction"])
    #expect(
      Set(model.graph.nodes.map(\.operatorType)) == ["Flatten", "Gemm", "Sigmoid", "Reshape"])
    for picture in ["rbm.filters.png", "rbm.reconstructions.png"] {
      #expect(try Image(contentsOf: folder.path(picture)).width > 20)
    }
  }

  @Test func pretrainingContinuesToTheSameBits() throws {
    let sizes = ["--hidden", "8,5", "--pretrain", "2", "--epochs", "3", "--batch", "30"]
    func run(_ name: String, _ more: String...) throws -> Tool {
      let tool = try Tool(
        ["new", "dbn", "--data", bars(), "--threads", "1"] + sizes
          + ["--output", folder.path(name), "--checkpoint", folder.path("c.onnx")] + more,
        path: Tool.path(of: "onnx-train"))
      #expect(tool.status == 0, "\(tool.errors)")
      return tool
    }
    #expect(try run("whole.onnx").errors.contains("pretraining of layer 2 of 2"))
    #expect(
      try Model(contentsOf: folder.path("whole.onnx")).graph.outputs.map(\.name) == ["logits"])

    // A checkpoint in the middle of the first layer, as the tool would have written it.
    let checkpoint = try Checkpoint(contentsOf: folder.path("c.onnx"))
    var options = RecipeOptions(decode: { path, _ in throw DataError("no picture file", in: path) })
    options.data = try bars()
    (options.hiddenLayers, options.pretraining, options.batch) = ([8, 5], 2, 30)
    var first = try ArchitectureName.dbn.recipe(options).pretraining[0]
    first.settings.configuration = try #require(checkpoint.configuration) + " pretraining 1"
    first.settings.checkpoint = folder.path("c.onnx")
    let loop = TrainingLoop(
      try Trainer(first.model, first.options), first.training, settings: first.settings)
    #expect(
      try loop.run(onStep: { if $0.step == 3 { loop.stop() } }) == .interrupted)

    let resumed = try run("resumed.onnx", "--resume")
    #expect(resumed.errors.contains("after 0 epochs and 3 batches"))
    #expect(try folder.bytes("resumed.onnx") == folder.bytes("whole.onnx"))
  }

  @Test func optionsThatDoNotApplyAreRefused() throws {
    for (architecture, option, value, reason) in [
      ("rbm", "--hidden", "3,4", "rbm takes a single number, got 2"),
      ("autoencoder", "--hidden", "3", "--hidden does not apply to autoencoder"),
      ("seq2seq", "--layers", "2", "--layers does not apply to seq2seq"),
      ("tagger", "--embedding", "0", "--embedding 0 does not apply to tagger"),
      ("rbm", "--pretrain", "1", "--pretrain does not apply to rbm"),
      ("mlp", "--gibbs-steps", "2", "--gibbs-steps does not apply to mlp"),
      ("dbn", "--hidden", "3,0", "invalid"),
    ] {
      let tool = try train(architecture, option, value, "--output", folder.path("o.onnx"))
      #expect(tool.status == 2)
      #expect(tool.errors.contains(reason), "\(tool.errors)")
    }
  }
}
