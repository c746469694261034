import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Layer or root-mean-square normalization.
protocol RowNormalizationOperator: DifferentiableOperator {
  var rows: RowNormalization { get }
}

extension LayerNormalization: RowNormalizationOperator {}
extension RMSNormalization: RowNormalizationOperator {}

extension RowNormalizationOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    for output in 1..<max(backward.outputCount, 1) where backward.gradient(output) != nil {
      throw .unsupported(
        "a loss that depends on output \(output) of a normalization; use output 0 only")
    }
    backward.setScaledGradients(to: RowNormalizationGrad<Self>.schema.name)
  }
}

/// The gradients of layer and root-mean-square normalization. With `x̂ = (x − mean) · inverse`,
/// `d = g · scale` and means over the row,
/// `gX = inverse · (d − mean(d) − x̂ · mean(d · x̂))`, without `mean(d)` if x is not centred;
/// `gScale = Σ g · x̂` and `gB = Σ g` over the rows.
///
/// Inputs are g, x, the scale, and the bias, of which only the shape is read.
struct RowNormalizationGrad<Base: RowNormalizationOperator>: RowOperator {
  static var computedInput: Int { 1 }
  static var schema: Schema {
    Schema(Base.schema.name + "Grad", gradientOf: Base.schema, inputs: 3...4, outputs: 1...3)
  }
  let rows: RowNormalization

  init(_ node: inout NodeReader) throws(OperatorError) { rows = try Base(&node).rows }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(1, [.floats, .bfloat16])
    let scale = try inputs.tensor(2, [.floats, .bfloat16])
    try inputs.check(0, isLike: x.shape, type: scale.elementType)
    let own = Inputs(types: Array(inputs.types.dropFirst()))
    for index in 1...2 where own.has(index) { try rows.check(own, index) }
    if let shape = x.shape { _ = try rows.firstAxis(shape.rank) }
    let bias = inputs.has(3) ? try inputs.tensor(3, sameTypeAs: 2) : scale
    return [.tensor(x), .tensor(scale), .tensor(bias)]
  }

  /// Maps each index of a row to an index of a parameter that broadcasts to it; `nil` for the
  /// identity.
  private func places(
    _ call: Preparation, _ input: Int, _ first: Int, _ size: Int
  ) throws(OperatorError) -> [Int]? {
    let shape = try call.inputSizes(input)
    let row = Array(try call.inputSizes(1).dropFirst(first))
    guard shape.dropLast(row.count).allSatisfy({ $0 == 1 }) else {
      throw .unsupported("the gradient of a scale or bias that differs between rows")
    }
    let own = Array(shape.suffix(row.count))
    if own.elementCount == size { return nil }
    return (0..<size).map { place in
      var (rest, stride, result) = (place, 1, 0)
      for axis in row.indices.reversed() {
        let index = axis - (row.count - own.count)
        if index >= 0 && own[index] != 1 {
          result += rest % row[axis] * stride
          stride *= own[index]
        }
        rest /= row[axis]
      }
      return result
    }
  }

  func kernel<C: RowElement>(
    _ call: Preparation, _ type: C.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(1)
    let first = try rows.firstAxis(sizes.count)
    let size = try call.count(sizes.dropFirst(first))
    let count = try call.count(sizes)
    let rows = size == 0 ? 0 : count / size
    let gradient: RealRows<C> = try call.rows(0)
    let input: RealRows<C> = try call.rows(1)
    let parameter: RealRows<C> = try call.rows(2)
    let scalePlaces = try places(call, 2, first, size)
    let biasPlaces = call.inputs.has(3) ? try places(call, 3, first, size) : scalePlaces
    let counts = (
      scale: try call.inputCount(2),
      bias: call.inputs.has(3) ? try call.inputCount(3) : try call.inputCount(2)
    )
    let wants = (0...2).map(call.wants)
    let (epsilon, isCentered) = (C(self.rows.epsilon), self.rows.isCentered)
    // Each run of rows has its own partial sums.
    let parts = max(min(rows, 32, 1_048_576 / max(size, 1)), 1)
    let row = size.vectors
    let sums = Int.work(parts, 2, row)
    let shared = row
    let room = Int.work(3, max(gradient.room(size), input.room(size)))
    let tile: Buffers.Tile = { buffers, part, thread in
      let memory = buffers.scratch.assumingMemoryBound(to: C.self)
      let scaleSums = memory + shared + part * 2 * row
      let biasSums = scaleSums + row
      let scratch = memory + shared + sums + thread * room
      scaleSums.update(repeating: 0, count: 2 * row)
      for index in part * rows / parts..<(part + 1) * rows / parts {
        let g = gradient.read(
          buffers.bytes(input: 0), at: index * size, size, room: scratch)
        let x = input.read(
          buffers.bytes(input: 1), at: index * size, size, room: scratch + room / 3)
        let mean = isCentered ? C.sum(x, size) / C(size) : 0
        let variance = C.squares(x, size, mean: mean) / C(size)
        let inverse = 1 / (variance + epsilon).squareRoot()
        let y =
          wants[0]
          ? input.target(
            buffers.bytes(output: 0), at: index * size, room: scratch + room / 3 * 2) : nil
        C.rowGradient(
          g, x, memory, y, scaleSums, biasSums, size, mean: mean, inverse: inverse,
          isCentered: isCentered)
        if let y { input.store(y, buffers.bytes(output: 0), at: index * size, size) }
      }
    }
    return .compute(
      scratch: .work(
        .total(shared, sums, .work(call.threads, room)), MemoryLayout<C>.stride)
    ) { buffers in
      let memory = buffers.scratch.assumingMemoryBound(to: C.self)
      for place in 0..<size {
        var value = C(0)
        memory[place] =
          parameter.read(
            buffers.bytes(input: 2), at: scalePlaces?[place] ?? place, 1, room: &value)[0]
      }
      buffers.parallel(parts, tile)
      let totals = memory + shared
      for part in 1..<parts {
        let own = totals + part * 2 * row
        for i in 0..<2 * row { totals[i] += own[i] }
      }
      for (output, source, places, count) in [
        (1, totals, scalePlaces, counts.scale), (2, totals + row, biasPlaces, counts.bias),
      ] where wants[output] {
        let target = parameter.target(buffers.bytes(output: output), at: 0, room: memory)
        if let places {
          target.update(repeating: 0, count: count)
          for i in 0..<size { target[places[i]] += source[i] }
        } else {
          target.update(from: source, count: size)
        }
        parameter.store(target, buffers.bytes(output: output), at: 0, count)
      }
    }
  }
}
