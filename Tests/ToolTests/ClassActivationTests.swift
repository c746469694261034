import ONNX
import ONNXExplain
import ONNXImages
import Testing
import ToolSupport

/// Class activation maps. The expected numbers are those of tools/generate/activation_maps.py.
@Suite struct ClassActivationTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  /// The same formula as in the script.
  private static func numbers(_ shape: [Int], _ step: Int) -> Tensor {
    Tensor(
      shape: shape, (0..<shape.reduce(1, *)).map { Float($0 * step % 17) / 17 - 0.4 })
  }
  private static let picture = numbers([1, 1, 5, 6], 13)

  /// The part of a network that turns the maps `maps` [1, 3, 3, 4] into the scores `logits`.
  enum Head: CaseIterable {
    case gemm, matMul, convolution, reduceMean, averagePool, flattened

    var nodes: [Node] {
      let global = Node("GlobalAveragePool", inputs: ["maps"], outputs: ["means"])
      let flatten = Node("Flatten", inputs: ["means"], outputs: ["flat"])
      let gemm = Node(
        "Gemm", inputs: ["flat", "w", "b"], outputs: ["logits"], attributes: [.int("transB", 1)])
      switch self {
      case .gemm: return [global, flatten, gemm]
      case .matMul:
        return [
          global, Node("Squeeze", inputs: ["means", "axes"], outputs: ["flat"]),
          Node("Transpose", inputs: ["w"], outputs: ["t"]),
          Node("MatMul", inputs: ["flat", "t"], outputs: ["product"]),
          Node("Add", inputs: ["b", "product"], outputs: ["logits"]),
        ]
      case .convolution:
        return [
          global, Node("Unsqueeze", inputs: ["w", "axes"], outputs: ["k"]),
          Node("Conv", inputs: ["means", "k", "b"], outputs: ["tall"]),
          Node("Flatten", inputs: ["tall"], outputs: ["logits"]),
        ]
      case .reduceMean:
        return [
          Node(
            "ReduceMean", inputs: ["maps"], outputs: ["flat"],
            attributes: [.int("keepdims", 0), .ints("axes", [2, 3])]), gemm,
        ]
      case .averagePool:
        return [
          Node(
            "AveragePool", inputs: ["maps"], outputs: ["means"],
            attributes: [.ints("kernel_shape", [3, 4])]), flatten, gemm,
        ]
      case .flattened:
        return [
          Node("Flatten", inputs: ["maps"], outputs: ["means"]),
          Node("Tanh", inputs: ["means"], outputs: ["flat"]), gemm,
        ]
      }
    }
  }

  private static func model(_ head: Head) -> Model {
    var model = Model(
      [
        Node("Conv", name: "first", inputs: ["x", "cw", "cb"], outputs: ["c"]),
        Node("Relu", inputs: ["c"], outputs: ["maps"]),
      ] + head.nodes + [Node("Softmax", inputs: ["logits"], outputs: ["p"])],
      inputs: [ValueInfo("x", .tensor(.float32, ["N", 1, 5, 6]))],
      outputs: [ValueInfo("p", .tensor(.float32, ["N", 4]))])
    model.graph.initializers = [
      NamedTensor("cw", numbers([3, 1, 3, 3], 7)), NamedTensor("cb", numbers([3], 3)),
      NamedTensor("w", numbers([4, head == .flattened ? 36 : 3], 5)),
      NamedTensor("b", numbers([4], 11)),
      NamedTensor("axes", Tensor(shape: [2], [2, 3] as [Int64])),
    ]
    return model
  }

  private static func explained(_ head: Head) -> ExplainedModel {
    ExplainedModel(model(head), inputs: ["x": .tensor(picture)])
  }

  private func expect(
    _ found: [Float], _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 },
      "\(found)", sourceLocation: sourceLocation)
  }

  private static let cam1: [Float] = [
    0.04502828, 0.02812782, 0, -0.0585972, 0, -0.06617709, 0.01889518, 0, 0.02275432,
    0.0006741306, 0.02426868, 0,
  ]
  private static let cam2: [Float] = [
    0.02877752, -0.01875188, 0, -0.08943783, 0, -0.1010071, -0.01259678, 0, -0.01516955,
    -0.0004494204, -0.01617912, 0,
  ]

  @Test(arguments: Head.allCases.filter { $0 != .flattened })
  func camIsThatOfPyTorchForEveryHead(head: Head) throws {
    let found = try Self.explained(head).classActivation(of: ["1", "2"])
    #expect(found.method == .cam && found.layer == "maps")
    #expect(found.maps.shape == [2, 3, 4])
    expect(found.entries[0].map, Self.cam1)
    expect(found.entries[1].map, Self.cam2)
    expect(found.entries.map(\.score), [0.2483067, -0.1246169])
  }

  @Test func gradCAMIsThatOfPyTorch() throws {
    let found = try Self.explained(.flattened).classActivation(of: ["2"])
    #expect(found.method == .gradCAM && found.layer == "maps")
    expect(
      found.entries[0].map,
      [
        0.007189459, 0.01496565, 0, 0.02377853, 0, 0.02685443, 0.01005334, 0, 0.01210663,
        0.0003586769, 0.01291236, 0,
      ])
  }

  /// `α_k = w_k / (H · W)`, and Grad-CAM leaves out what speaks against the class.
  @Test func gradCAMOfAPooledNetworkIsThePositivePartOfCAM() throws {
    let found = try Self.explained(.gemm).classActivation(of: ["1"], layer: "maps")
    #expect(found.method == .gradCAM)
    expect(found.entries[0].map, Self.cam1.map { max($0, 0) / 12 })
    // A node is named by its name or its output.
    let earlier = try Self.explained(.gemm).classActivation(of: ["1"], layer: "first")
    #expect(earlier.layer == "c")
  }

  @Test func theBestClassIsTheDefault() throws {
    let found = try Self.explained(.gemm).classActivation()
    let scores = try (0..<4).map {
      try Self.explained(.gemm).classActivation(of: ["\($0)"]).entries[0].score
    }
    #expect(found.entries.map(\.score) == [scores.max()])
  }

  @Test func theToolDrawsARowForEachClass() throws {
    var model = Self.model(.gemm)
    model.metadata = [MetadataEntry(key: "classes", value: #"["a", "b", "c", "d"]"#)]
    let path = try folder.write(model)
    let x = try folder.write(.tensor(Self.picture), to: "x.pb")
    let (picture, values) = (folder.path("c.png"), folder.path("c.npy"))
    let arguments = ["explain", "cam", path, "--input", x, "--output", picture]
    let one = try Tool(arguments)
    #expect(one.status == 0, "\(one.errors)")
    let height = try Image(contentsOf: picture).height
    let tool = try Tool(
      arguments + ["--class", "b", "--class", "2", "--output-values", values])
    #expect(tool.lines.first == "CAM of 'maps' [3,4]  class b  score 0.248307")
    #expect(tool.lines.last == "CAM of 'maps' [3,4]  class c  score -0.124617")
    #expect(try Image(contentsOf: picture).height > height + 50)
    expect(
      try #require(readValue(values, nil).tensor).array(as: Float.self), Self.cam1 + Self.cam2)
    try expectStop(
      arguments + ["--class", "e"], "expected a class from 0 to 3 or one of a, b, c, d, got 'e'")
    try expectStop(arguments + ["--class", "4"], "expected a class from 0 to 3")
    try expectStop(
      arguments + ["--layer", "logits"], "no layer of maps [N,C,H,W] before the scores is named")
    let flat = try folder.write(.relu([1, 4]), to: "flat.onnx")
    try expectStop(
      ["explain", "cam", flat, "--output", picture], "no value like a picture, [N,1 or 3,H,W]")
  }
}
