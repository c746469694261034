import ONNXFormat
import ONNXOperators
import ONNXShape

/// Divides each row by its norm: the largest `|x|`, the sum of `|x|`, or `√Σx²`.
struct Normalizer: Operator {
  static let schema = Schema("Normalizer", domain: "ai.onnx.ml", [1: .features], inputs: 1...1)
  let norm: String

  init(_ node: inout NodeReader) throws(OperatorError) {
    norm = try node.choice("norm", default: "MAX", among: ["MAX", "L1", "L2"])
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.featureShape()
    if let shape, shape.rank > 2 {
      throw .input(0, "expected shape [C] or [N,C], got \(shape)")
    }
    return [.tensor(.float32, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let columns = try call.inputSizes(0).last ?? 1
    return try call.rowKernel(cost: 4) { buffers, row, x in
      var length = 0.0
      switch norm {
      case "MAX": for i in 0..<columns { length = max(length, abs(x[i])) }
      case "L1": for i in 0..<columns { length += abs(x[i]) }
      default:
        for i in 0..<columns { length += x[i] * x[i] }
        length.formSquareRoot()
      }
      // The lower bound of the reference evaluator; rows of zeros remain zeros.
      length = max(length, 1e-30)
      let y = buffers.output(0, as: Float.self) + row * columns
      for i in 0..<columns { y[i] = Float(x[i] / length) }
    }
  }
}
