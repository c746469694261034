import ONNXFormat
import ONNXOperators

/// A copy of the cache with `update` written along `axis`, starting for each row of the batch at an
/// element of `write_indices`. In mode `circular`, positions past the end continue at the beginning.
struct TensorScatter: Operator {
  static let schema = Schema("TensorScatter", [24: .any24], inputs: 2...3)
  let axis: Int
  let isCircular: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: -2)
    isCircular =
      try node.choice("mode", default: "linear", among: ["linear", "circular"]) == "circular"
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let cache = try inputs.tensor(0)
    let update = try inputs.tensor(1, sameTypeAs: 0)
    if inputs.has(2) { _ = try inputs.tensor(2, .int64) }
    guard let shape = cache.shape else { return [.tensor(cache)] }
    let axis = try normalized(axis: axis, rank: shape.rank)
    guard axis > 0 else { throw .attribute("axis", "expected an axis other than 0, the batch") }
    if inputs.has(2), let count = try inputs.shape(2, rank: 1)?[0] {
      do { _ = try unify(shape[0], count) } catch {
        throw .input(2, "\(count) indices do not fit \(shape)")
      }
    }
    guard let other = update.shape else { return [.tensor(cache)] }
    guard other.rank == shape.rank else {
      throw .input(1, "expected rank \(shape.rank), got shape \(other)")
    }
    for index in shape.indices {
      guard let size = shape[index].size, let count = other[index].size else { continue }
      guard index == axis ? count <= size : count == size else {
        throw .input(1, "shape \(other) does not fit \(shape) at axis \(index)")
      }
    }
    return [.tensor(cache)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let axis = try normalized(axis: axis, rank: sizes.count)
    let length = try call.inputSizes(1)[axis]
    let limit = sizes[axis]
    let outer = sizes[1..<axis].wrappingProduct
    let batch = sizes[0]
    let hasIndices = call.inputs.has(2)
    let isEmpty = try call.inputCount(1) == 0
    let isCircular = isCircular
    let scattering = Scattering(
      block: isEmpty ? 0 : sizes[(axis + 1)...].wrappingProduct,
      count: isEmpty ? 0 : batch * outer * length, reduction: .none, updates: 1)
    return try scattering.kernel(call) { buffers, offsets throws(OperatorError) in
      if isEmpty { return }
      for row in 0..<batch {
        var start = hasIndices ? Int(buffers.input(2, as: Int64.self)[row]) : 0
        if isCircular {
          start %= limit
          if start < 0 { start += limit }
        } else if start < 0 || start > limit - length {
          throw .input(
            2,
            "index \(start) of row \(row) is out of bounds: \(length) elements must fit into \(limit)"
          )
        }
        for line in 0..<outer {
          let base = (row * outer + line)
          for step in 0..<length {
            let place = start + step
            offsets[base * length + step] = base * limit + (place < limit ? place : place - limit)
          }
        }
      }
    }
  }
}
