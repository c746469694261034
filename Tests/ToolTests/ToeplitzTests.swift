import ONNX
import ONNXExplain
import ONNXImages
import Testing

/// `explain toeplitz` draws a convolution as a matrix.
@Suite struct ToeplitzTests {
  private func convolution(_ attributes: [Attribute] = []) -> Model {
    var model = Model(
      [
        Node("Conv", name: "first", inputs: ["x", "w"], outputs: ["y"], attributes: attributes)
      ],
      inputs: [ValueInfo("x", .tensor(.float32, ["N", 2, "L"]))],
      outputs: [ValueInfo("y", nil)])
    model.graph.initializers = [
      NamedTensor("w", Tensor(shape: [1, 2, 3], [9, 9, 9, 1, 0, -2] as [Float]))
    ]
    return model
  }

  /// The kernel 1, 0, −2 of channel 1, shifted from row to row. A weight of 0 is a weight too.
  @Test func theMatrixIsThatOfTheKernel() throws {
    let model = ExplainedModel(convolution())
    let matrix = try model.convolutionMatrix(channel: 1, size: 5)
    #expect(matrix.values == [1, 0, -2, 0, 0, 0, 1, 0, -2, 0, 0, 0, 1, 0, -2])
    #expect((matrix.denseCount, matrix.localCount, matrix.sharedCount) == (15, 9, 3))
    let padded = ExplainedModel(convolution([.ints("pads", [1, 1]), .ints("strides", [2])]))
    #expect(
      try padded.convolutionMatrix(of: "y", channel: 1, size: 3).values == [0, -2, 0, 0, 1, 0])
  }

  @Test func drawsThreeMatrices() throws {
    let folder = try Folder()
    let path = folder.path("t.png")
    let tool = try Tool(
      "explain", "toeplitz", packageFile("models/lenet5.onnx"), "--output", path)
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(
      tool.output
        == "64 × 64 cells: 4096 weights fully connected, 1156 locally connected, 25 shared\n")
    #expect(try Image(contentsOf: path).width > 3 * 64)
  }

  @Test func wrongRequestsAreRefused() throws {
    let folder = try Folder()
    let lenet = packageFile("models/lenet5.onnx")
    func stop(_ arguments: [String], _ text: String) throws {
      try expectStop(
        ["explain", "toeplitz", lenet, "--output", folder.path("t.png")] + arguments, text)
    }
    try stop(["--filter", "6"], "expected a filter below 6 and a channel below 1")
    try stop(["--size", "0"], "expected a map of 1 to 1024 cells")
    try stop(["--size", "100"], "expected a map of 1 to 1024 cells")
    try stop(["--node", "fc1"], "no convolution is named 'fc1'")
    try stop(["--node", "conv2.conv", "--size", "4"], "conv")
  }
}
