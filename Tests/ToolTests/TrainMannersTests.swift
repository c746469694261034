import Foundation
import ONNX
import ONNXImages
import Testing
import ToolSupport

/// Interruption, resuming, defaults and hints of `onnx-train`.
@Suite struct TrainMannersTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  private func train(_ arguments: [String]) throws -> Tool {
    try Tool(arguments + ["--threads", "1"], path: Tool.path(of: "onnx-train"))
  }

  /// A linear classifier of features.
  private func linear(classes: Int = 3) throws -> String {
    let m = ModelBuilder(seed: 1)
    try m.output("y", Dense(classes)(m.input("x", ["N", 2]), in: m))
    return try folder.write(m.model(name: "linear"), to: "linear.onnx")
  }

  private func points(label: (Int) -> Int64 = { Int64($0 % 3) }) throws -> String {
    var random = RandomStream(seed: 1)
    let x = (0..<180).map { _ in Float(random.normal()) }
    let path = folder.path("points.npz")
    try NPZ.write(
      [
        (name: "x", tensor: Tensor(shape: [90, 2], x)),
        (name: "y", tensor: Tensor(shape: [90], (0..<90).map(label))),
      ], to: path)
    return path
  }

  /// Waits until a process has printed a text on standard error.
  private static func wait(for text: String, of process: Process) throws {
    let link = "/proc/\(process.processIdentifier)/fd/2"
    let path = try FileManager.default.destinationOfSymbolicLink(atPath: link)
    while process.isRunning, try !String(contentsOfFile: path, encoding: .utf8).contains(text) {
      Thread.sleep(forTimeInterval: 0.05)
    }
    Thread.sleep(forTimeInterval: 0.3)
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func anInterruptedRunLeavesAModelAndACheckpoint(signal: Int32) throws {
    let options = ["new", "parity", "--batch", "2", "--hidden", "2", "--output"]
    let output = folder.path("o.onnx")
    let tool = try Tool(
      options + [output, "--threads", "1", "--epochs", "100000"],
      path: Tool.path(of: "onnx-train")
    ) { process in
      try Self.wait(for: "batches per epoch", of: process)
      kill(process.processIdentifier, signal)
    }
    #expect(tool.status == 130, "\(tool.errors)")
    let (model, checkpoint) = (folder.path("o.interrupted.onnx"), folder.path("o.checkpoint.onnx"))
    #expect(tool.errors.contains("the model so far: \(model)\n"), "\(tool.errors)")
    #expect(tool.errors.contains("--checkpoint \(checkpoint) --resume\n"), "\(tool.errors)")
    #expect(!fileExists(output))
    #expect(try Model(contentsOf: model).trainingInfos.isEmpty)
    let epoch = try Checkpoint(contentsOf: checkpoint).progress.epoch
    let more = try train(
      options + [output, "--epochs", "\(epoch + 1)", "--checkpoint", checkpoint, "--resume"])
    #expect(more.status == 0 && fileExists(output), "\(more.errors)")
  }

  @Test func aResumedRunContinuesTheStepLosses() throws {
    let options = [
      "tune", try linear(), "--data", try points(), "--output", folder.path("o.onnx"),
      "--checkpoint", folder.path("c.onnx"), "--step-losses", folder.path("s.csv"), "--epochs",
    ]
    #expect(try train(options + ["2"]).status == 0)
    let first = try readText(folder.path("s.csv"))
    let tool = try train(options + ["3", "--resume"])
    #expect(tool.status == 0, "\(tool.errors)")
    let text = try readText(folder.path("s.csv"))
    #expect(text.hasPrefix(first))
    let steps = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",")[0] }
    #expect(steps.compactMap { Int($0) } == Array(0..<6))
  }

  @Test(arguments: [
    ["--clip-norm", "1"], ["--batch", "60"], ["--plain"], ["--rate", "0.5"],
    ["--accumulate", "2"], ["--optimizer", "sgd"], ["--loss-output", "y"],
  ])
  func otherSettingsAreRefusedOnResuming(other: [String]) throws {
    let options = [
      "tune", try linear(), "--data", try points(), "--output", folder.path("o.onnx"),
      "--checkpoint", folder.path("c.onnx"), "--epochs", "1",
    ]
    #expect(try train(options).status == 0)
    let tool = try train(options + ["--resume"] + other)
    #expect(tool.status == 2)
    #expect(tool.errors.contains("it was written with other settings"), "\(tool.errors)")
  }

  @Test func aNewHeadIsHintedAt() throws {
    let data = try points()
    func tune(_ model: String, _ more: String...) throws -> Tool {
      try train(
        ["tune", model, "--data", data, "--output", folder.path("o.onnx"), "--epochs", "1"] + more)
    }
    let hint = "the model has 10 classes, the data 3; --replace-head 3 makes a new last layer"
    let wide = try tune(linear(classes: 10))
    #expect(wide.status == 0 && wide.errors.contains(hint), "\(wide.errors)")
    let replaced = try tune(linear(classes: 10), "--replace-head", "3")
    #expect(replaced.status == 0 && !replaced.errors.contains("the model has"))
    #expect(try !tune(linear()).errors.contains("the model has"))
    let narrow = try tune(linear(classes: 2))
    #expect(narrow.status == 2)
    #expect(
      narrow.errors.contains("--replace-head 3 makes a last layer for 3 classes"),
      "\(narrow.errors)")
  }

  @Test func dataWithoutALabelToLearnIsAnError() throws {
    let tool = try train([
      "tune", try linear(), "--data", try points { _ in -1 }, "--output", folder.path("o.onnx"),
      "--ignore-label", "-1",
    ])
    #expect(tool.status == 2)
    #expect(
      tool.errors.contains("all labels of the training data are -1, which is ignored"),
      "\(tool.errors)")
  }

  /// Writes pictures of a grey level each.
  private func pictures(_ name: String, _ count: Int) throws {
    for (label, level) in [("dark", 60), ("light", 200)] {
      _ = try folder.makeFolder("\(name)/\(label)")
      for index in 0..<count {
        let pixels = [UInt8](repeating: UInt8(level + index), count: 16)
        try Image(width: 4, height: 4, channels: 1, pixels: pixels)
          .writePNG(to: folder.path("\(name)/\(label)/\(index).png"))
      }
    }
  }

  private func picturesModel() throws -> String {
    let m = ModelBuilder(seed: 1)
    let image = try m.input("image", ["N", 1, 4, 4])
    try m.output("logits", Dense(2)(Flatten()(image, in: m), in: m))
    return try folder.write(m.model(name: "net"), to: "net.onnx")
  }

  @Test(arguments: [
    (["train", "test"], "test accuracy"), (["train", "validation"], "validation accuracy"),
    (["training", "val", "testing"], "test accuracy"),
  ])
  func dividedFoldersArePartsOfTheData(names: [String], result: String) throws {
    for name in names { try pictures("data/\(name)", name.hasPrefix("train") ? 8 : 3) }
    let tool = try train([
      "tune", try picturesModel(), "--data", folder.path("data"), "--output",
      folder.path("o.onnx"), "--epochs", "1", "--batch", "4",
    ])
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(tool.output.hasPrefix(result), "\(tool.output)")
    #expect(tool.errors.contains("4 batches per epoch"), "\(tool.errors)")
    let table = try readText(folder.path("o.confusion.csv"))
    #expect(
      table.split(separator: "\n").dropFirst().allSatisfy { $0.hasSuffix(",3") }, "\(table)")
  }

  @Test func theNormalizationOfPicturesIsNotedInTheModel() throws {
    try pictures("data", 10)
    let output = folder.path("o.onnx")
    let tool = try train([
      "tune", try picturesModel(), "--data", folder.path("data"), "--output", output, "--epochs",
      "1", "--mean", "0.3", "--std", "0.6",
    ])
    #expect(tool.status == 0, "\(tool.errors)")
    let model = try Model(contentsOf: output)
    #expect(model.metadataValue("image_mean") == "0.3")
    let picture = folder.path("data/dark/0.png")
    func run(_ more: String...) throws -> String {
      let tool = try Tool([output, "--input", picture] + more)
      #expect(tool.status == 0, "\(tool.errors)")
      return tool.output
    }
    let noted = try run()
    #expect(try noted == run("--mean", "0.3", "--std", "0.6"))
    #expect(try noted != run("--mean", "0"))
    var wrong = model
    wrong.metadata = [MetadataEntry(key: "image_scale", value: "much")]
    try expectStop(
      [folder.write(wrong, to: "wrong.onnx"), "--input", picture],
      "the metadata 'image_scale': expected comma-separated numbers, found 'much'")
  }

  @Test func progressLinesFitTheTerminal() {
    let parts = ["12345/99999  loss 0.1234  accuracy 0.9876", "1:23:45 left"]
    for columns in [20, 40, 60, 80, 200] {
      let terminal = Terminal(
        isInteractive: true, isUnicode: false, hasColor: false, columns: columns)
      let line = progressLine("epoch 12/100", share: 0.5, parts, on: terminal)
      #expect(line.count < columns && line.hasPrefix("epoch 12/100"), "\(line)")
      #expect((columns < 80) != line.hasSuffix("left"), "\(line)")
      if columns >= 80 { #expect(line.contains("#"), "\(line)") }
    }
    let none = Terminal(isInteractive: false, isUnicode: false, hasColor: false, columns: 80)
    #expect(
      progressLine("epoch 1/2", share: 0.5, ["5/9", "0:01 left"], on: none)
        == "epoch 1/2  5/9  0:01 left")
  }

  /// The table of defaults in the help is that of the recipes.
  @Test func theHelpStatesTheDefaults() throws {
    let help = try Tool(["new", "--help"], path: Tool.path(of: "onnx-train")).output
    #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
    for name in [
      "parity", "adding", "forecast", "caption", "sound-gru", "tagger", "mlp", "rbm", "dbn",
    ] {
      let architecture = try #require(ArchitectureName(rawValue: name))
      var options = RecipeOptions { _, _ in
        Tensor(shape: [1, 4, 4], [Float](repeating: 0.5, count: 16))
      }
      if architecture.isForPictures {
        try pictures("data", 10)
        options.data = folder.path("data")
      }
      let recipe = try architecture.recipe(options)
      let row = try #require(
        help.split(separator: "\n").last { line in
          let names = line.prefix(34).split { ", ".contains($0) }
          return names.contains { $0 == name } && line.contains("Adam")
            || names.contains { $0 == name }
              && line.contains("SGD")
        }, "\(name)")
      let fields = row.dropFirst(32).split(separator: " ")
      #expect(Int(fields[0]) == recipe.settings.epochs, "\(name)")
      let rate = try #require(Double(fields[2]))
      let middle =
        switch recipe.settings.rate {
        case .oneCycle(let peak), .triangle(let peak, _), .constant(let peak): peak
        default: 0.0
        }
      #expect(abs(rate - middle) < 1e-12, "\(name)")
      #expect(fields.last?.hasPrefix("Adam") == (recipe.options.optimizer is Adam), "\(name)")
    }
  }
}
