import ONNX
import Testing

/// Gradients of `Resize` and `Upsample`.
@Suite struct ResamplingGradientTests {
  @Test(
    arguments: [
      [.string("mode", "nearest"), .string("coordinate_transformation_mode", "asymmetric")],
      [.string("mode", "linear")],
      [.string("mode", "linear"), .string("coordinate_transformation_mode", "align_corners")],
      [.string("mode", "cubic"), .int("exclude_outside", 1)],
      [.string("mode", "linear"), .int("antialias", 1)],
    ] as [[Attribute]]) func ofResize(attributes: [Attribute]) throws
  {
    let node = Node("Resize", inputs: [], outputs: ["y"], attributes: attributes)
    let x = doubles([1, 2, 3, 4])
    try checkGradient(node, [x, nil, float32([4], [1, 1, 2, 2])], by: [0])
    try checkGradient(node, [x, nil, float32([4], [1, 1, 0.7, 1.5])], by: [0])
    try checkGradient(
      node, [x, nil, nil, Tensor(shape: [4], [1, 2, 5, 2] as [Int64])], by: [0])
  }

  @Test func ofACrop() throws {
    let node = Node(
      "Resize", inputs: [], outputs: ["y"],
      attributes: [
        .string("mode", "linear"), .string("coordinate_transformation_mode", "tf_crop_and_resize"),
        .ints("axes", [2, 3]),
      ])
    try checkGradient(
      node,
      [
        doubles([1, 1, 4, 4]), float32([4], [0.2, -0.3, 0.7, 0.9]), nil,
        Tensor(shape: [2], [3, 3] as [Int64]),
      ], by: [0])
  }

  @Test(arguments: ["nearest", "linear"]) func ofOlderVersions(mode: String) throws {
    let x = doubles([1, 2, 3, 2])
    let scales = float32([4], [1, 1, 2, 3])
    for (name, opset) in [("Upsample", 9), ("Resize", 10)] {
      let node = Node(name, inputs: [], outputs: ["y"], attributes: [.string("mode", mode)])
      try checkGradient(node, [x, scales], by: [0], opset: Int64(opset))
    }
    try checkGradient(
      Node(
        "Upsample", inputs: [], outputs: ["y"],
        attributes: [.string("mode", mode), .floats("scales", [1, 1, 2, 3])]), [x], opset: 7)
  }
}
