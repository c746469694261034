import ONNX
import ONNXImages
import Testing
import ToolSupport

extension Image {
  fileprivate func pixel(_ x: Int, _ y: Int) -> [UInt8] {
    Array(pixels[(y * width + x) * channels..<(y * width + x + 1) * channels])
  }
}

/// Runs a command that draws a picture, and reads the picture.
private func picture(
  _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
) throws -> Image {
  let folder = try Folder()
  let path = folder.path("picture.png")
  let tool = try Tool(["explain"] + arguments + ["--output", path])
  #expect(tool.status == 0, "\(tool.errors)", sourceLocation: sourceLocation)
  return try Image(contentsOf: path)
}

/// A convolution of two filters `[1, 2]` over one channel.
private func convolution() -> Model {
  var model = Model(
    [Node("Conv", name: "first", inputs: ["x", "w"], outputs: ["y"])],
    inputs: [ValueInfo("x", .tensor(.float32, [1, 1, 1, 3]))],
    outputs: [ValueInfo("y", .tensor(.float32, [1, 2, 1, 2]))])
  model.graph.initializers = [
    NamedTensor("w", Tensor(shape: [2, 1, 1, 2], [1, 0, -1, 0.5] as [Float]))
  ]
  return model
}

@Suite struct ExplainTests {
  let folder: Folder
  let lenet = packageFile("models/lenet5.onnx")
  let digit = packageFile("models/digits/7.png")
  init() throws { folder = try Folder() }

  @Test func drawsFilters() throws {
    let path = try folder.write(convolution())
    let image = try picture(["filters", path])
    // Tiles of two samples of 24 pixels under the title: white 1, grey 0, black -1.
    #expect(image.pixel(10, 40) == [255, 255, 255])
    #expect(image.pixel(40, 40) == [128, 128, 128])
    // Below the caption of the first tile.
    #expect(image.pixel(10, 34 + 28 + 13 + 10) == [0, 0, 0])
    let named = try picture(["filters", path, "--node", "y"])
    #expect(named == image)
    _ = try picture(["filters", lenet])
  }

  @Test func drawsMaps() throws {
    let path = try folder.write(convolution())
    let x = try folder.write([1, 1, 1, 3], [0, 2, 4] as [Float], to: "x.pb")
    let image = try picture(["maps", path, "--input", x])
    // 1 · (0, 2) and -1 · (0, 2) + 0.5 · (2, 4) = (1, 0): black to white, white to black.
    #expect(image.pixel(10, 40) == [0, 0, 0] && image.pixel(40, 40) == [255, 255, 255])
    let pool = try picture(["maps", lenet, "--input", digit])
    #expect(pool.width > 100)
  }

  @Test func listsTheNodesThatSuit() throws {
    let path = try folder.write(convolution())
    let out = folder.path("out.png")
    try expectStop(
      ["explain", "filters", path, "--node", "second", "--output", out],
      "no convolution is named 'second'; the model has 'first'")
    try expectStop(
      ["explain", "gates", path, "--output", out], "the model has no recurrent layer")
    try expectStop(
      ["explain", "filters", folder.write(.relu(), to: "relu.onnx"), "--output", out],
      "the model has no convolution")
    try expectStop(
      ["explain", "filters", path, "--output", folder.path("none/out.png")], "none/out.png")
    try expectStop(
      ["explain", "gates", packageFile("models/char_rnn.onnx"), "--prompt", "é", "--output", out],
      "--prompt: the vocabulary of 65 characters has no character 'é'")
    try expectStop(
      ["explain", "maps", path, "--prompt", "a", "--output", out], "metadata 'vocabulary'")
    #expect(!fileExists(out))
  }

  @Test(arguments: ["char_rnn", "char_gru", "char_lstm"])
  func drawsGatesOverAText(name: String) throws {
    let image = try picture([
      "gates", packageFile("models/\(name).onnx"), "--prompt", "To be, or not", "--units", "4",
    ])
    #expect(image.width > 13 * 8)
  }

  /// Gates are recomputed outside the run; a different result is an error.
  @Test(arguments: ["LSTM", "GRU", "RNN"], ["forward", "reverse", "bidirectional"])
  func worksOutEveryKindOfLayer(kind: String, direction: String) throws {
    let gates = ["LSTM": 4, "GRU": 3][kind] ?? 1
    let directions = direction == "bidirectional" ? 2 : 1
    var random = RandomStream(seed: 4)
    func tensor(_ shape: [Int]) -> Tensor {
      Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.uniform(-1, 1)) })
    }
    var attributes: [Attribute] = [
      .int("hidden_size", 3), .string("direction", direction), .float("clip", 0.8),
    ]
    var inputs = ["x", "w", "r", "b", "lengths", "h"]
    var initializers = [
      NamedTensor("w", tensor([directions, gates * 3, 2])),
      NamedTensor("r", tensor([directions, gates * 3, 3])),
      NamedTensor("b", tensor([directions, gates * 6])),
      NamedTensor("lengths", Tensor(shape: [2], [4, 5] as [Int32])),
      NamedTensor("h", tensor([directions, 2, 3])),
    ]
    if kind == "LSTM" {
      attributes.append(.int("input_forget", directions - 1))
      inputs += ["c", "p"]
      initializers += [
        NamedTensor("c", tensor([directions, 2, 3])), NamedTensor("p", tensor([directions, 9])),
      ]
    }
    if kind == "GRU" { attributes.append(.int("linear_before_reset", directions - 1)) }
    var model = Model(
      [Node(kind, inputs: inputs, outputs: ["", "last"], attributes: attributes)],
      inputs: [ValueInfo("x", .tensor(.float32, [5, 2, 2]))],
      outputs: [ValueInfo("last", .tensor(.float32, [Dimension(directions), 2, 3]))])
    model.graph.initializers = initializers
    let path = try folder.write(model)
    let x = try folder.write(.tensor(tensor([5, 2, 2])), to: "x.pb")
    let image = try picture(["gates", path, "--input", x])
    #expect(image.height > 3 * 9)
    switch direction {
    case "forward":
      try expectStop(
        ["explain", "gates", path, "--input", x, "--reverse", "--output", folder.path("o.png")],
        "has no backward direction")
    case "bidirectional":
      #expect(try picture(["gates", path, "--input", x, "--reverse"]) != image)
    default: break
    }
  }

  /// `h(t) = relu(x(t) + h(t - 1) / 2)`, so the weight of a step halves with each later step.
  @Test func sensitivityFallsWithDistance() throws {
    var model = Model(
      [
        Node(
          "RNN", name: "layer", inputs: ["x", "w", "r"], outputs: ["y"],
          attributes: [.int("hidden_size", 1), .strings("activations", ["Relu"])])
      ],
      inputs: [ValueInfo("x", .tensor(.float32, [3, 1, 1]))],
      outputs: [ValueInfo("y", .tensor(.float32, [3, 1, 1, 1]))])
    model.graph.initializers = [
      NamedTensor("w", Tensor(shape: [1, 1, 1], [1 as Float])),
      NamedTensor("r", Tensor(shape: [1, 1, 1], [0.5 as Float])),
    ]
    let path = try folder.write(model)
    let x = try folder.write([3, 1, 1], [1, 2, 3] as [Float], to: "x.pb")
    let image = try picture(["sensitivity", path, "--input", x])
    // Cells of 24 pixels, starting at (26, 40): yellow is 1, green 1/2, blue 1/4, violet 0.
    let (one, half, quarter, none): ([UInt8], [UInt8], [UInt8], [UInt8]) = (
      [253, 231, 37], [33, 145, 140], [59, 82, 139], [68, 1, 84]
    )
    let expected = [[one, none, none], [half, one, none], [quarter, half, one]]
    for (row, colors) in expected.enumerated() {
      for (column, color) in colors.enumerated() {
        #expect(image.pixel(26 + 24 * column + 12, 40 + 24 * row + 12) == color, "\(row) \(column)")
      }
    }
    _ = try picture([
      "sensitivity", packageFile("models/char_gru.onnx"), "--prompt", "To be", "--logarithmic",
    ])
  }

  @Test func saliencyOfALinearModelIsItsWeights() throws {
    // score of class 1 = 0.25 · a - 1 · b
    var model = Model(
      [
        Node("Flatten", inputs: ["x"], outputs: ["flat"]),
        Node("MatMul", inputs: ["flat", "w"], outputs: ["scores"]),
        Node("Softmax", inputs: ["scores"], outputs: ["y"]),
      ],
      inputs: [ValueInfo("x", .tensor(.float32, [1, 1, 1, 2]))],
      outputs: [ValueInfo("y", .tensor(.float32, [1, 2]))])
    model.graph.initializers = [
      NamedTensor("w", Tensor(shape: [2, 2], [0, 0.25, 9, -1] as [Float]))
    ]
    let path = try folder.write(model)
    let x = try folder.write([1, 1, 1, 2], [0, 1] as [Float], to: "x.pb")
    let image = try picture(["saliency", path, "--input", x, "--class", "1"])
    // Tiles of two samples: a quarter of the largest gradient is 3/4 red, the largest white.
    let zoom = 24
    let second = 4 + 2 * zoom + 4
    #expect(image.pixel(second + zoom / 2, 40) == [191, 0, 0])
    #expect(image.pixel(second + zoom + zoom / 2, 40) == [255, 255, 255])
    try expectStop(
      [
        "explain", "saliency", path, "--input", x, "--class", "2", "--output",
        folder.path("o.png"),
      ], "expected a class from 0 to 1, got '2'")
    model.metadata = [MetadataEntry(key: "classes", value: #"["cat", "dog"]"#)]
    let named = try folder.write(model, to: "named.onnx")
    #expect(
      try picture(["saliency", named, "--input", x, "--class", "dog"]).pixel(second + 36, 40)
        == [255, 255, 255])
    try expectStop(
      [
        "explain", "saliency", named, "--input", x, "--class", "cow", "--output",
        folder.path("o.png"),
      ], "expected a class from 0 to 1 or one of cat, dog, got 'cow'")
  }

  @Test func otherFormatsAreRefused() throws {
    for command in ["filters", "toeplitz"] {
      try expectStop(
        ["explain", command, lenet, "--output", folder.path("o.jpg")],
        "--output: expected a file named .png")
    }
  }
}
