import ONNXFormat
import ONNXOperators
import ONNXShape

/// `y = (x − offset) · scale`, with one offset and scale for each feature or for all.
struct Scaler: Operator {
  static let schema = Schema("Scaler", domain: "ai.onnx.ml", [1: .features], inputs: 1...1)
  let offset: [Double]
  let scale: [Double]

  init(_ node: inout NodeReader) throws(OperatorError) {
    offset = (try node.optionalFloats("offset") ?? [0]).map { Double($0) }
    scale = (try node.optionalFloats("scale") ?? [1]).map { Double($0) }
    guard !offset.isEmpty, !scale.isEmpty else {
      throw .invalid("'offset' and 'scale' must not be empty")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.featureShape()
    if let columns = shape?.last?.size {
      for (name, list) in [("offset", offset), ("scale", scale)]
      where list.count != 1 && list.count != columns {
        throw .attribute(name, "expected 1 or \(columns) values, got \(list.count)")
      }
    }
    return [.tensor(.float32, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let columns = try call.inputSizes(0).last ?? 1
    // A single value is used for all features.
    let (offsetStep, scaleStep) = (offset.count == 1 ? 0 : 1, scale.count == 1 ? 0 : 1)
    return try call.rowKernel(cost: 2) { buffers, row, x in
      let y = buffers.output(0, as: Float.self) + row * columns
      for i in 0..<columns { y[i] = Float((x[i] - offset[i * offsetStep]) * scale[i * scaleStep]) }
    }
  }
}
