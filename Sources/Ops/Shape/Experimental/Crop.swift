import ONNXFormat
import ONNXOperators

/// Images `[N, C, H, W]` without `border` elements (left, top, right, bottom), or the part of the size
/// `scale` (height, width) after the left and top border. An experimental operator (`EarlyOperator`).
struct Crop: Operator {
  static let schema = Schema("Crop", [1: .floats], removed: 10, inputs: 1...1)
  let border: [Int]
  let size: [Int]?

  init(_ node: inout NodeReader) throws(OperatorError) {
    border = try node.ints("border")
    guard border.count == 4, border.allSatisfy({ $0 >= 0 }) else {
      throw .attribute("border", "expected 4 numbers of 0 or more, got \(border)")
    }
    size = try node.optionalInts("scale").flatMap { $0.isEmpty ? nil : $0 }
    if let size, size.count != 2 || size.contains(where: { $0 < 0 }) {
      throw .attribute("scale", "expected 2 numbers of 0 or more, got \(size)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    guard var shape = try inputs.shape(0, rank: 4) else {
      return [.tensor(input.elementType, Shape(rank: 4))]
    }
    for axis in 0..<2 {
      guard let whole = shape[2 + axis].size else { continue }
      let (first, last) = (border[1 - axis], border[3 - axis])
      guard first <= whole, last <= whole - first, size.map({ $0[axis] <= whole - first }) != false
      else {
        throw .input(0, "the borders \(border) leave nothing of an image of shape \(shape)")
      }
      shape[2 + axis] = .size(size?[axis] ?? whole - first - last)
    }
    return [.tensor(input.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let strides = rowMajorStrides(try call.inputSizes(0))
    let target = try call.outputSizes(0)
    let copy = StridedCopy(
      try call.elementType(0), target, from: strides,
      fromOffset: border[1] &* strides[2] &+ border[0] &* strides[3], to: rowMajorStrides(target))
    return CopyTasks([CopyJob(copy)]).kernel
  }
}
