import ONNXFormat

/// `z = x + y` for strings, broadcast to each other.
struct StringConcat: Operator {
  static let schema = Schema("StringConcat", [20: .string], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0, .string).shape
    let y = try inputs.tensor(1, .string).shape
    guard let x, let y else { return [.tensor(.string, nil)] }
    var result = Shape(rank: max(x.rank, y.rank))
    for back in 1..<(result.rank + 1) {
      let a = back <= x.rank ? x[x.rank - back] : 1
      let b = back <= y.rank ? y[y.rank - back] : 1
      let axis = result.rank - back
      switch (a.size, b.size) {
      case (1, _): result[axis] = b
      case (_, 1): result[axis] = a
      case (let m?, let n?):
        guard m == n else { throw .invalid("shapes \(x) and \(y) cannot be broadcast") }
        result[axis] = a
      // A known size other than 1 is the result's, or there is none.
      default: result[axis] = a.size == nil ? (b.size == nil && a != b ? .unknown : b) : a
      }
    }
    return [.tensor(.string, result)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let target = try call.outputSizes(0)
    let count = try call.outputCount(0)
    let strides = rowMajorStrides(target)
    let first = try broadcast(call, 0, target)
    let second = try broadcast(call, 1, target)
    return .compute { buffers in
      let x = buffers.input(0, as: String.self)
      let y = buffers.input(1, as: String.self)
      let z = buffers.output(0, as: String.self)
      for i in 0..<count {
        var (a, b) = (0, 0)
        for (axis, stride) in strides.enumerated() {
          let index = i / stride % target[axis]
          a += index * first[axis]
          b += index * second[axis]
        }
        z[i] = x[a] + y[b]
      }
    }
  }

  /// Strides of an input along the axes of the result.
  private func broadcast(
    _ call: Preparation, _ input: Int, _ target: [Int]
  ) throws(OperatorError) -> [Int] {
    let sizes = try call.inputSizes(input)
    let strides = rowMajorStrides(sizes)
    let padding = target.count - sizes.count
    return target.indices.map { axis in
      axis < padding || sizes[axis - padding] == 1 ? 0 : strides[axis - padding]
    }
  }
}
