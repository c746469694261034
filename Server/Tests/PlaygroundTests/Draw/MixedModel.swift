import Foundation
import ONNX

/// A network with strides, dilations, groups, uneven padding and every kind of step, of random
/// weights; its pictures are normalised by the metadata.
enum MixedModel {
  static let classes = ["ant", "bee", "cat", "dog", "eel"]

  private struct Random {
    var state: UInt32 = 1

    mutating func tensor(_ shape: [Int], from low: Float = -1) -> Tensor {
      Tensor(
        shape: shape,
        (0..<shape.reduce(1, *)).map { _ -> Float in
          state = state &* 1_664_525 &+ 1_013_904_223
          return low + (1 - low) * Float(state >> 8) / Float(1 << 24)
        })
    }
  }

  static func model() -> Model {
    var random = Random()
    let initializers = [
      NamedTensor("w1", random.tensor([4, 3, 3, 2])), NamedTensor("b1", random.tensor([4])),
      NamedTensor("scale", random.tensor([4])), NamedTensor("shift", random.tensor([4])),
      NamedTensor("mean", random.tensor([4])),
      NamedTensor("variance", random.tensor([4], from: 0.1)),
      NamedTensor("w2", random.tensor([4, 1, 3, 3])), NamedTensor("low", Tensor(Float(-0.5))),
      NamedTensor("high", Tensor(Float(0.75))), NamedTensor("w3", random.tensor([4, 6])),
      NamedTensor("b3", random.tensor([6])), NamedTensor("w4", random.tensor([6, 5])),
      NamedTensor("b4", random.tensor([5])),
    ]
    let nodes = [
      Node(
        "Conv", name: "first", inputs: ["picture", "w1", "b1"], outputs: ["c1"],
        attributes: [
          .ints("strides", [2, 1]), .ints("pads", [1, 0, 2, 1]), .ints("dilations", [1, 2]),
        ]),
      Node(
        "BatchNormalization", inputs: ["c1", "scale", "shift", "mean", "variance"],
        outputs: ["n"]),
      Node("LeakyRelu", inputs: ["n"], outputs: ["l"], attributes: [.float("alpha", 0.2)]),
      Node(
        "Conv", inputs: ["l", "w2"], outputs: ["c2"],
        attributes: [.int("group", 4), .string("auto_pad", "SAME_UPPER")]),
      Node("Clip", inputs: ["c2", "low", "high"], outputs: ["k"]),
      Node(
        "MaxPool", inputs: ["k"], outputs: ["m"],
        attributes: [
          .ints("kernel_shape", [2, 2]), .ints("strides", [2, 2]), .ints("pads", [0, 1, 1, 0]),
        ]),
      Node(
        "AveragePool", inputs: ["m"], outputs: ["a"],
        attributes: [.ints("kernel_shape", [3, 3]), .ints("pads", [1, 1, 1, 1])]),
      Node("Add", inputs: ["m", "a"], outputs: ["s"]),
      Node("GlobalAveragePool", inputs: ["s"], outputs: ["g"]),
      Node("Flatten", inputs: ["g"], outputs: ["f"]),
      Node("MatMul", inputs: ["f", "w3"], outputs: ["d"]),
      Node("Add", inputs: ["d", "b3"], outputs: ["e"]),
      Node("Sigmoid", inputs: ["e"], outputs: ["sig"]),
      Node(
        "Gemm", inputs: ["sig", "w4", "b4"], outputs: ["scores"],
        attributes: [.float("alpha", 0.5), .float("beta", 2)]),
    ]
    var model = Model(
      graph: Graph(
        name: "mixed", nodes: nodes,
        inputs: [ValueInfo("picture", .tensor(.float32, [.symbol("N"), 3, 12, 10]))],
        outputs: [ValueInfo("scores", .tensor(.float32, [.symbol("N"), 5]))],
        initializers: initializers),
      operatorSets: [OperatorSetImport(domain: "", version: 20)])
    model.metadata = [
      ClassNames.metadata(classes), MetadataEntry(key: "image_mean", value: "0.4,0.5,0.6"),
      MetadataEntry(key: "image_scale", value: "2"),
    ]
    return model
  }

  /// A new folder with the model as `mixed.onnx`, and one that is not a picture's.
  static func folder() throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("draw-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try model().write(to: folder.appendingPathComponent("mixed.onnx").path)
    return folder.path
  }
}
