import ONNX
import ONNXExplain
import Testing

/// `inspect --sizes` shows windows, sizes, receptive fields and parameters.
@Suite struct LayerSizesTests {
  private func sizes(
    _ model: Model, _ shapes: [String: [Int]]
  ) throws -> [LayerSizes.Layer] {
    var plain = SessionOptions()
    plain.passes = []
    let types = try Session(model, options: plain).types(shapes: shapes)
    return LayerSizes(model, types: types).layers
  }

  private func sizes(_ network: any PictureModel) throws -> [LayerSizes.Layer] {
    try sizes(network.outline(), ["image": [1] + network.sizes])
  }

  /// 32×32×1 → 28×28×6 → 14×14×6 → 10×10×16 → 5×5×16 → 120 → 84 → 10; the tool's own model pads
  /// pictures of 28 × 28 to 32 × 32.
  @Test func leNet5HasTheLecturesSizes() throws {
    let tool = try Tool("inspect", packageFile("models/lenet5.onnx"), "--sizes")
    #expect(tool.status == 0)
    let rows = tool.lines.map { $0.split(separator: " ").map(String.init) }
    let outputs = rows.dropFirst().prefix(7).map(\.last)
    #expect(outputs == ["6@28×28", "6@14×14", "16@10×10", "16@5×5", "120", "84", "10"])
    #expect(tool.output.contains("⌊(28 + 2·2 − 1·(5 − 1) − 1)/1⌋ + 1 = 28"))
    #expect(rows.contains(["total", "61706", "423038", "5634974"]))
    #expect(
      rows.contains { $0.first == "conv2.conv" && $0.dropFirst().prefix(3) == ["14", "2", "4.50"] })
  }

  /// The numbers come from `tools/generate/receptive_fields.py`.
  @Test func receptiveFieldsAreThoseOfTheGradients() throws {
    var tower = AlexNet()
    tower.hasOneTower = true
    let expected: [(any PictureModel, ReceptiveAxis)] = [
      (tower, ReceptiveAxis(size: 195, jump: 32, center: 31)),
      (VGG.vgg16, ReceptiveAxis(size: 212, jump: 32, center: 15.5)),
      (ResNet.resnet18, ReceptiveAxis(size: 435, jump: 32, center: 0)),
      (ResNet.resnet50, ReceptiveAxis(size: 427, jump: 32, center: 0)),
    ]
    for (network, axis) in expected {
      let last = try sizes(network).last { !$0.windows.isEmpty && $0.field != nil }
      #expect(last?.field == [axis, axis], "\(network.name)")
    }
  }

  /// Maps of 5 × 5 × 3 have 1,500 weights, with padding 20 · 204² = 832,320 outputs. A fully connected
  /// layer would have 120,000 weights for each of them.
  @Test func sharedWeightsAreFew() throws {
    let net = Conv2D(20, 5, padding: 4, hasBias: false)
    let layer = try #require(
      try sizes(net.model(["N", 3, 200, 200]), ["input": [1, 3, 200, 200]]).first)
    #expect(layer.parameters == 1500)
    #expect(layer.output == [1, 20, 204, 204])
    #expect(layer.unshared == 1500 * 204 * 204)
    #expect(layer.dense == 832_320 * 120_000)
  }

  /// AlexNet's pools overlap by a cell: of 55, 26 are in two windows.
  @Test func overlapOfPooledWindows() throws {
    let layers = try sizes(AlexNet()).filter(\.isPool)
    let share = try #require(layers.first?.windows.sharedCells)
    #expect(abs(share - (1 - (29.0 / 55) * (29.0 / 55))) < 1e-12)
    let apart = try sizes(LeNet5()).filter(\.isPool)
    #expect(apart.map(\.windows.sharedCells) == [0, 0])
  }

  @Test func formulasOfEveryKindOfWindow() throws {
    func formula(_ node: Node, _ input: [Int], weight: [Int]? = nil) throws -> String? {
      var node = node
      node.inputs = ["x"] + (weight == nil ? [] : ["w"])
      node.outputs = ["y"]
      var model = Model(
        [node], inputs: [ValueInfo("x", .tensor(.float32, Shape(input)))],
        outputs: [ValueInfo("y", nil)])
      if let weight { model.graph.initializers = [NamedTensor("w", zeros(weight))] }
      let layer = try sizes(model, ["x": input]).first
      return layer?.windows.first?.formula
    }
    let dilated = Node(
      "Conv", inputs: [], outputs: [],
      attributes: [.ints("dilations", [2]), .ints("pads", [1, 2])])
    #expect(
      try formula(dilated, [1, 1, 9], weight: [1, 1, 3])
        == "⌊(9 + 1 + 2 − 2·(3 − 1) − 1)/1⌋ + 1 = 8")
    let same = Node(
      "Conv", inputs: [], outputs: [],
      attributes: [.string("auto_pad", "SAME_UPPER"), .ints("strides", [2, 2, 2])])
    #expect(
      try formula(same, [1, 1, 8, 8, 8], weight: [1, 1, 3, 3, 3])
        == "⌊(8 + 0 + 1 − 1·(3 − 1) − 1)/2⌋ + 1 = 4")
    let pool = Node(
      "MaxPool", inputs: [], outputs: [],
      attributes: [.ints("kernel_shape", [3]), .ints("strides", [2]), .int("ceil_mode", 1)])
    #expect(try formula(pool, [1, 1, 8]) == "⌈(8 + 2·0 − 1·(3 − 1) − 1)/2⌉ + 1 = 4")
    let transposed = Node(
      "ConvTranspose", inputs: [], outputs: [],
      attributes: [.ints("strides", [2]), .ints("pads", [1, 1]), .ints("output_padding", [1])])
    #expect(
      try formula(transposed, [1, 1, 4], weight: [1, 1, 3])
        == "(4 − 1)·2 − 2·1 + 1·(3 − 1) + 1 + 1 = 8")
  }

  private func zeros(_ shape: [Int]) -> Tensor {
    Tensor(shape: shape, [Float](repeating: 0, count: shape.reduce(1, *)))
  }

  /// A branch with a longer reach determines the field; a value from the whole picture spreads.
  @Test func branchesAreJoined() throws {
    let long = Conv2D(2, 5, padding: 2)
    let body = Sequential {
      Parallel {
        long
        Conv2D(2, 1)
      }
      Conv2D(1, 3, padding: 1).named("end")
    }
    let fields = try sizes(body.model(["N", 1, 9, 9]), ["input": [1, 1, 9, 9]]).map(\.field)
    #expect(fields.last == .some([ReceptiveAxis(size: 7, jump: 1, center: 0)].doubled))
  }

  @Test func wrongRequestsAreRefused() throws {
    let lenet = packageFile("models/lenet5.onnx")
    try expectStop(["inspect", lenet, "--sizes", "--plan"], "exclude each other")
    try expectStop(["inspect", lenet, "--sizes", "--shape", "image=1x3x9x9"], "image")
    let folder = try Folder()
    let tool = try Tool("inspect", folder.write(.relu()), "--sizes")
    #expect(tool.output == "no convolutions, pools or fully connected layers\n")
  }
}

extension [ReceptiveAxis] {
  fileprivate var doubled: [ReceptiveAxis] { self + self }
}
