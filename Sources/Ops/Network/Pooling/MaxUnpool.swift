import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The inverse of `MaxPool`: writes each element to its index in `I`, and zeros elsewhere.
///
/// Indices refer to the shape implied by kernel, strides and pads. A larger `output_shape` contains
/// that shape in its first corner.
struct MaxUnpool: WidenedOperator {
  static let schema = Schema(
    "MaxUnpool", [9: .floats, 11: .floats, 22: [.floats, .bfloat16]], inputs: 2...3)
  let windows: WindowAttributes
  let kernel: [Int]

  init(_ node: inout NodeReader) throws(OperatorError) {
    windows = try WindowAttributes(&node, dilations: false, autoPad: false)
    kernel = try node.ints("kernel_shape")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    _ = try inputs.tensor(1, [.int64])
    guard let shape = input.shape else { return [.tensor(input.elementType, nil)] }
    var result = try implied(shape)
    if let indices = try inputs.tensor(1).shape {
      guard indices.rank == shape.rank,
        zip(indices, shape).allSatisfy({ $0.size == nil || $1.size == nil || $0 == $1 })
      else { throw .input(1, "expected the shape of input 0, \(shape), got \(indices)") }
    }
    if inputs.has(2) {
      guard let sizes = try inputs.integers(2) else {
        return [.tensor(input.elementType, Shape(rank: shape.rank))]
      }
      guard sizes.count == shape.rank, sizes.elementCount != nil else {
        throw .input(2, "expected a shape of rank \(shape.rank), got \(sizes)")
      }
      for (axis, size) in sizes.enumerated() {
        guard let least = result[axis].size else { continue }
        guard size >= least else {
          throw .input(2, "output_shape \(sizes) is smaller than the implied shape \(result)")
        }
      }
      result = Shape(sizes)
    }
    return [.tensor(input.elementType, result)]
  }

  /// The shape of an input that a `MaxPool` with these attributes reduces to `shape`.
  private func implied(_ shape: Shape) throws(OperatorError) -> Shape {
    guard shape.rank == kernel.count + 2 else {
      throw .input(0, "expected rank \(kernel.count + 2), got shape \(shape)")
    }
    _ = try windows.axes(Array(repeating: nil, count: kernel.count))
    var result = shape
    for (axis, width) in kernel.enumerated() {
      guard let size = shape[axis + 2].size else {
        result[axis + 2] = .unknown
        continue
      }
      let (steps, overflow) =
        (size - 1).multipliedReportingOverflow(by: windows.strides?[axis] ?? 1)
      let (end, wide) = steps.addingReportingOverflow(width)
      let (padding, huge) = windows.begin(axis).addingReportingOverflow(
        windows.end(axis, of: kernel.count))
      guard !overflow, !wide, !huge, end >= padding else {
        throw .invalid("spatial axis \(axis) of size \(size) has no valid unpooled size")
      }
      result[axis + 2] = .size(end - padding)
    }
    return result
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let outer = try call.outputSizes(0)
    let total = try call.outputCount(0)
    guard let inner = try implied(Shape(try call.inputSizes(0))).sizes,
      let places = inner.elementCount
    else { throw .invalid("the element count of the unpooled shape overflows") }
    return .compute { buffers throws(OperatorError) in
      let x = buffers.input(0, as: T.self)
      let indices = buffers.input(1, as: Int64.self)
      let y = buffers.output(0, as: T.self)
      y.update(repeating: T(compute: 0), count: total)
      for i in 0..<count {
        guard let index = Int(exactly: indices[i]), index >= 0, index < places else {
          throw .input(1, "index \(indices[i]) is out of range for \(places) elements")
        }
        y[inner == outer ? index : moved(index, from: inner, to: outer)] = x[i]
      }
    }
  }
}

/// Maps an index into shape `inner` to an index into `outer`, which contains it in its first
/// corner.
private func moved(_ place: Int, from inner: [Int], to outer: [Int]) -> Int {
  var rest = place
  var result = 0
  var stride = 1
  for axis in inner.indices.reversed() {
    result += rest % inner[axis] * stride
    rest /= inner[axis]
    stride *= outer[axis]
  }
  return result
}
