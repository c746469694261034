import Foundation
import ONNX
import ONNXConversion
import ONNXImages
import Testing

/// `onnx-train`, run as a user would run it.
@Suite struct TrainTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  private func train(_ arguments: String...) throws -> Tool {
    try Tool(arguments + ["--threads", "1"], path: Tool.path(of: "onnx-train"))
  }

  /// A linear classifier of 3 classes.
  private func linear() throws -> String {
    let model = Model(
      graph: Graph(
        name: "linear", nodes: [Node("Gemm", inputs: ["x", "w", "b"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, ["N", 2]))],
        outputs: [ValueInfo("y", .tensor(.float32, ["N", 3]))],
        initializers: [
          NamedTensor("w", Tensor(shape: [2, 3], [Float](repeating: 0, count: 6))),
          NamedTensor("b", Tensor(shape: [3], [0, 0, 0] as [Float])),
        ]),
      operatorSets: [OperatorSetImport(version: 17)], irVersion: 8)
    return try folder.write(model, to: "linear.onnx")
  }

  /// Points around the corners of a triangle, one corner for each class.
  private func points(
    _ count: Int, _ label: (Int) -> Int64 = { Int64($0 % 3) }, test: Int = 30
  ) throws -> String {
    var random = RandomStream(seed: 1)
    func part(_ count: Int, _ label: (Int) -> Int64) -> (Tensor, Tensor) {
      let corners: [(Double, Double)] = [(0, 2), (2, -1), (-2, -1)]
      let x = (0..<count).flatMap { index in
        [corners[index % 3].0, corners[index % 3].1].map { Float($0 + random.normal() / 3) }
      }
      return (Tensor(shape: [count, 2], x), Tensor(shape: [count], (0..<count).map(label)))
    }
    let (x, y) = part(count, label)
    var arrays = [(name: "x", tensor: x), (name: "y", tensor: y)]
    if test > 0 {
      let (x, y) = part(test) { Int64($0 % 3) }
      arrays += [(name: "test_x", tensor: x), (name: "test_y", tensor: y)]
    }
    let path = folder.path("points.npz")
    try NPZ.write(arrays, to: path)
    return path
  }

  @Test func theTestComesLastAndTheBestEpochIsKept() throws {
    let tool = try train(
      "tune", linear(), "--data", points(300), "--output", folder.path("o.onnx"), "--rate", "0.1")
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(tool.lines == ["test accuracy 1.0000"])
    #expect(tool.errors.contains("30 of 300 examples are set aside for validation"))
    #expect(tool.errors.contains("kept the parameters of epoch"))
    #expect(tool.errors.contains("true \\ predicted"))
    let table = String(decoding: try folder.bytes("o.confusion.csv"), as: UTF8.self)
    #expect(
      table == "true,0,1,2,precision,recall,support\n0,10,0,0,1.0,1.0,10\n1,0,10,0,1.0,1.0,10\n"
        + "2,0,0,10,1.0,1.0,10\n")
    #expect(try Image(contentsOf: folder.path("o.confusion.png")).width > 100)
  }

  @Test func aCompleteRunContinuesToMoreEpochs() throws {
    let (model, data) = (try linear(), try points(90))
    let common = [
      "tune", model, "--data", data, "--output", folder.path("o.onnx"), "--checkpoint",
      folder.path("c.onnx"), "--threads", "1",
    ]
    func run(_ more: String...) throws -> Tool {
      try Tool(common + more, path: Tool.path(of: "onnx-train"))
    }
    #expect(try run("--epochs", "2").status == 0)
    let same = try run("--epochs", "2", "--resume")
    #expect(same.status == 0)
    #expect(same.errors.contains("all 2 epochs are complete, so nothing is trained"))
    let more = try run("--epochs", "4", "--resume")
    #expect(more.status == 0)
    #expect(more.errors.contains("4 epochs instead of 2: the learning rate continues on the"))
    #expect(more.errors.contains("epoch 4/4"))
    let fewer = try run("--epochs", "1", "--resume")
    #expect(fewer.status == 2)
    #expect(fewer.errors.contains("completed 4 epochs, more than the 1"), "\(fewer.errors)")
    let other = try run("--epochs", "5", "--resume", "--class-weights", "1,2,3")
    #expect(other.errors.contains("other settings"), "\(other.errors)")
  }

  @Test func labelsAreLeftOutOrRefused() throws {
    let (model, data) = (try linear(), try points(90) { $0 % 5 == 0 ? -1 : Int64($0 % 3) })
    let output = folder.path("o.onnx")
    let refused = try train("tune", model, "--data", data, "--output", output)
    #expect(refused.status == 2)
    #expect(
      refused.errors.contains(
        "training data: label -1 is out of range: expected 0 to 2, or -100"), "\(refused.errors)")
    #expect(refused.errors.contains("--ignore-label -1 leaves out such labels"))
    let fine = try train(
      "tune", model, "--data", data, "--output", output, "--ignore-label", "-1",
      "--class-weights", "balanced", "--rate", "0.1")
    #expect(fine.status == 0, "\(fine.errors)")
    #expect(fine.lines == ["test accuracy 1.0000"])
    #expect(fine.errors.contains("class weights 1, 1, 1"), "\(fine.errors)")
  }

  @Test(arguments: [
    ("--patience 2", "needs validation data"),
    ("--class-weights 1,2", "expected 3 class weights"),
    ("--class-weights 1,x", "expected numbers"), ("--augment flip", "expected pictures"),
    ("--augment turn", "--augment: expected crop"), ("--size 3", "for picture files"),
    ("--freeze v*", "no initializer matches 'v*', which is to be frozen"),
    ("--train-only v*", "no initializer matches 'v*', which is to be trained"),
    ("--head-only", "--head-only needs --replace-head"),
    ("--validation-share 1", "less than 1"), ("--validation-share 0.001", "at least 1"),
    ("--test-share 0.1", "test examples of its own"), ("--loss mse --ignore-label 0", "labels"),
    ("--show-augmented o.png", "no augmentation"), ("--std 0", "more than 0"),
    ("--weights linear.onnx", "linear.onnx"),
  ])
  func optionsThatCannotApplyAreErrors(options: String, message: String) throws {
    let words = options.split(separator: " ").map { word in
      word == "linear.onnx" ? folder.path("linear.onnx") : String(word)
    }
    let tool = try Tool(
      ["tune", linear(), "--data", points(90), "--output", folder.path("o.onnx")] + words,
      path: Tool.path(of: "onnx-train"))
    #expect(tool.status == 2, "\(options)")
    #expect(tool.errors.contains(message), "\(options): \(tool.errors)")
  }

  @Test func weightsOfACheckpointAreFineTunedOnPicturesOfSeveralSizes() throws {
    // A convolution whose filters tell rows from columns, and an old head.
    let m = ModelBuilder(seed: 1)
    let image = try m.input("image", ["N", 1, 8, 8])
    let features = try GlobalAveragePool()(Relu()(Conv2D(4, 3)(image, in: m), in: m), in: m)
    try m.output("logits", Dense(7)(features, in: m))
    let model = try folder.write(m.model(name: "net"), to: "net.onnx")
    let names = try Model(contentsOf: model).graph.initializers.compactMap(\.name)
    let rows: [Float] = [-1, -1, -1, 2, 2, 2, -1, -1, -1]
    let columns: [Float] = [-1, 2, -1, -1, 2, -1, -1, 2, -1]
    let entries = try Weights(of: Model(contentsOf: model)).entries.map { entry in
      entry.name == names[0]
        ? Weights.Entry(
          entry.name, Tensor(shape: [4, 1, 3, 3], rows + columns + rows + columns)) : entry
    }
    try Weights(entries).write(to: folder.path("w.safetensors"))
    // Bars along and across, of 8 or 16 pixels, grey or RGB.
    for index in 0..<40 {
      let (size, channels) = (index % 3 == 0 ? 16 : 8, index % 5 == 0 ? 3 : 1)
      for name in ["across", "along"] {
        var pixels = [UInt8](repeating: 0, count: size * size * channels)
        for place in 0..<size * size {
          let line = name == "along" ? place / size : place % size
          if line / (size / 8) % 8 == 1 + index % 6 {
            for channel in 0..<channels { pixels[place * channels + channel] = 255 }
          }
        }
        _ = try folder.makeFolder("pictures/\(name)")
        try Image(width: size, height: size, channels: channels, pixels: pixels)
          .writePNG(to: folder.path("pictures/\(name)/\(index).png"))
      }
    }
    let tool = try train(
      "tune", model, "--weights", folder.path("w.safetensors"), "--replace-head", "2",
      "--head-only", "--data", folder.path("pictures"), "--output", folder.path("tuned.onnx"),
      "--rate", "0.05", "--epochs", "30", "--augment", "shift=1", "--show-augmented",
      folder.path("sheet.png"))
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(tool.lines == ["test accuracy 1.0000"], "\(tool.errors)")
    #expect(tool.errors.contains("were resized to 8 x 8"), "\(tool.errors)")
    #expect(tool.errors.contains("were converted from RGB to grey"), "\(tool.errors)")
    #expect(tool.errors.contains("across"), "\(tool.errors)")
    #expect(try Image(contentsOf: folder.path("sheet.png")).channels == 3)
    let tuned = try Model(contentsOf: folder.path("tuned.onnx"))
    #expect(
      tuned.graph.initializers.first { $0.name == names[0] }?.tensor
        == Tensor(shape: [4, 1, 3, 3], rows + columns + rows + columns))
    #expect(tuned.metadataValue("classes") == #"["across", "along"]"#)
    let missing = try train(
      "tune", model, "--weights", folder.path("pictures"), "--data", folder.path("pictures"),
      "--output", folder.path("o.onnx"))
    #expect(missing.status == 2 && missing.errors.contains("pictures"), "\(missing.errors)")
  }

  @Test(arguments: [
    ["parity", "--validation-share", "0.1"], ["parity", "--augment", "flip"],
    ["forecast", "--size", "8"], ["parity", "--patience", "1"],
    ["forecast", "--class-weights", "1,2"], ["adding", "--show-augmented", "o.png"],
  ])
  func newRefusesOptionsThatAnArchitectureLacks(arguments: [String]) throws {
    let tool = try Tool(
      ["new"] + arguments + ["--output", folder.path("o.onnx")],
      path: Tool.path(of: "onnx-train"))
    #expect(tool.status == 2)
    #expect(tool.errors.contains(arguments[1]), "\(tool.errors)")
  }
}
