import ONNXFormat
import ONNXOperators

/// `Resize` of images with padded channels by whole factors.
struct NchwcUpsample: FunctionOperator {
  static let schema = Schema("Upsample", domain: NchwcBlock.domain, [1: .float32], inputs: 1...1)
  private let scales: [Int]
  private let mode: String
  private let coordinates: String

  init(_ node: inout NodeReader) throws(OperatorError) {
    scales = try node.ints("scales")
    mode = try node.choice("mode", default: "nearest", among: ["nearest", "linear"])
    coordinates = try node.string("coordinate_transformation_mode", default: "asymmetric")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let scales = function.builder.constant(
      Tensor(shape: [scales.count], scales.map(Float.init)), hint: "scales")
    var attributes: [Attribute] = [.string("mode", mode)]
    if mode == "nearest" {
      // Each pixel is repeated, whatever the rule for coordinates.
      attributes += [
        .string("coordinate_transformation_mode", "asymmetric"), .string("nearest_mode", "floor"),
      ]
    } else {
      attributes.append(.string("coordinate_transformation_mode", coordinates))
    }
    function.set(0, function.node("Resize", [function.input(0), "", scales], attributes))
  }
}
