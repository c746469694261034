import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Rotates pairs `(a, b)` of the first elements of each head by the angle of their position:
/// `(cos · a − sin · b, sin · a + cos · b)`. A pair is two adjacent elements, or one of each half.
///
/// The input is `[batch, heads, length, head size]` or, packed, `[batch, length, heads · head size]`;
/// cosines and sines are `[batch, length, pairs]`, or a table `[positions, pairs]` that is indexed by
/// `position_ids`.
struct RotaryEmbedding: Operator {
  static let schema = Schema(
    "RotaryEmbedding", [23: [.float32, .float16, .bfloat16]], inputs: 3...4)
  let heads: Int?
  let size: Int
  let isInterleaved: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    heads = try node.optionalInt("num_heads")
    size = try node.int("rotary_embedding_dim", default: 0)
    isInterleaved = try node.flag("interleaved")
    guard size >= 0, size % 2 == 0 else {
      throw .attribute("rotary_embedding_dim", "expected an even size, got \(size)")
    }
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    let hasPlaces = inputs.has(3)
    for index in 1...2 {
      _ = try inputs.tensor(index, sameTypeAs: 0)
      _ = try inputs.shape(index, rank: hasPlaces ? 2 : 3)
    }
    if hasPlaces {
      _ = try inputs.tensor(3, .int64)
      _ = try inputs.shape(3, rank: 2)
    }
    guard let shape = input.shape else { return [.tensor(input)] }
    guard shape.rank == 3 || shape.rank == 4 else {
      throw .input(0, "expected rank 3 or 4, got shape \(shape)")
    }
    if let sizes = shape.sizes { try check(inputs, try layout(sizes), batch: sizes[0]) }
    return [.tensor(input)]
  }

  private func layout(_ sizes: [Int]) throws(OperatorError) -> HeadLayout {
    let layout: HeadLayout
    if sizes.count == 4 {
      layout = HeadLayout(heads: sizes[1], length: sizes[2], width: sizes[3], isPacked: false)
    } else {
      guard let heads, heads > 0 else {
        throw .attribute("num_heads", "expected a positive number for inputs of rank 3")
      }
      guard sizes[2] % heads == 0 else {
        throw .input(0, "\(sizes[2]) columns are not divisible by \(heads) heads")
      }
      layout = HeadLayout(
        heads: heads, length: sizes[1], width: sizes[2] / heads, isPacked: true)
    }
    guard size <= layout.width, size > 0 || layout.width % 2 == 0 else {
      throw .input(
        0, "expected heads of at least \(max(size, 2)) elements to rotate, got \(layout.width)")
    }
    return layout
  }

  private func pairs(_ layout: HeadLayout) -> Int { (size == 0 ? layout.width : size) / 2 }

  private func check(
    _ inputs: Inputs, _ layout: HeadLayout, batch: Int
  ) throws(OperatorError) {
    let places: [Int] = [batch, layout.length]
    for index in 1...2 {
      guard let shape = try inputs.tensor(index).shape?.sizes else { continue }
      let first = inputs.has(3) ? [shape[0]] : places
      guard shape == first + [pairs(layout)] else {
        throw .input(index, "expected shape \(first + [pairs(layout)]), got \(shape)")
      }
    }
    if let cosines = try inputs.tensor(1).shape?.sizes,
      let sines = try inputs.tensor(2).shape?.sizes,
      cosines != sines
    {
      throw .input(2, "expected the shape of input 1, \(cosines), got \(sines)")
    }
    if inputs.has(3), let shape = try inputs.tensor(3).shape?.sizes, shape != places {
      throw .input(3, "expected shape \(places), got \(shape)")
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self)
    case .float16: try kernel(call, Float16.self)
    case .bfloat16: try kernel(call, BFloat16.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let layout = try layout(sizes)
    try check(call.inputs, layout, batch: sizes[0])
    let hasPlaces = call.inputs.has(3)
    let table = try call.inputSizes(1)[0]
    guard try call.inputCount(0) > 0 else { return .compute { _ in } }
    let pairs = pairs(layout)
    let places = sizes[0] * layout.length
    let step = isInterleaved ? 2 : 1
    let partner = isInterleaved ? 1 : pairs
    let tiles = Tiles(places, cost: .work(layout.heads, layout.width, 3))
    let tile: Buffers.Tile = { buffers, task, _ in
      for place in tiles[task] {
        let entry = hasPlaces ? Int(buffers.input(3, as: Int64.self)[place]) : place
        let cosines = buffers.input(1, as: T.self) + entry * pairs
        let sines = buffers.input(2, as: T.self) + entry * pairs
        for head in 0..<layout.heads {
          let offset = layout.offset(
            place / layout.length, head, row: place % layout.length)
          let x = buffers.input(0, as: T.self) + offset
          let y = buffers.output(0, as: T.self) + offset
          for i in 0..<pairs {
            let (cosine, sine) = (cosines[i].compute, sines[i].compute)
            let (a, b) = (x[i * step].compute, x[i * step + partner].compute)
            y[i * step] = T(compute: cosine * a - sine * b)
            y[i * step + partner] = T(compute: sine * a + cosine * b)
          }
          for i in 2 * pairs..<layout.width { y[i] = x[i] }
        }
      }
    }
    return .compute { buffers throws(OperatorError) in
      if hasPlaces {
        let ids = buffers.input(3, as: Int64.self)
        for place in 0..<places where ids[place] < 0 || ids[place] >= table {
          throw .input(
            3, "position \(ids[place]) is out of bounds for a table of \(table) positions")
        }
      }
      buffers.parallel(tiles.count, tile)
    }
  }
}

extension RotaryEmbedding: DifferentiableOperator {
  /// Rotates the gradient back. The tables have no gradient.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    for index in 1...2 where backward.wants(index) {
      throw .input(index, "tables of cosines and sines have no gradient")
    }
    guard let gradient = backward.gradient(), backward.wants(0) else { return }
    let sines = backward.builder.neg(backward.input(2))
    var inputs = [gradient, backward.input(1), sines]
    if backward.has(3) { inputs.append(backward.input(3)) }
    backward.set(
      0,
      backward.builder.node(
        "RotaryEmbedding", inputs, backward.forward.attributes, operatorSet: 23))
  }
}

extension RotaryEmbedding {
  static var versionSteps: [VersionStep] {
    [
      .introduced(23) { change throws(OperatorError) in try change.expandRotaryEmbedding() }
    ]
  }
}

extension VersionChange {
  /// Replaces the node by products with the cosines and the sines.
  fileprivate mutating func expandRotaryEmbedding() throws(OperatorError) {
    let rank = try self.rank(0)
    var x = try input(0)
    if rank == 4 {
      x = transpose(x, [0, 2, 1, 3])
    } else {
      guard let heads = try int("num_heads"), heads > 0 else {
        throw .attribute("num_heads", "expected a positive number for inputs of rank 3")
      }
      x = reshape(x, [0, 0, heads, -1])
    }
    // The number of pairs, and the number of elements of a head that are rotated.
    var factors: [String] = []
    for index in 1...2 {
      let table = try input(index)
      factors.append(
        unsqueeze(
          has(3) ? emit("Gather", [table, try input(3)], [.int("axis", 0)]) : table, [2]))
    }
    let given = try int("rotary_embedding_dim") ?? 0
    let pairs = tensorType(1)?.shape?.last?.size
    guard let size = given > 0 ? given : pairs.map({ $0 &* 2 }), size > 0 else {
      throw .input(1, "the shape must be known")
    }
    let isInterleaved = try int("interleaved") == 1
    let parts =
      isInterleaved
      ? [
        slice(x, axis: 3, from: 0, to: size, step: 2),
        slice(x, axis: 3, from: 1, to: size, step: 2),
      ]
      : [slice(x, axis: 3, from: 0, to: size / 2), slice(x, axis: 3, from: size / 2, to: size)]
    func product(_ part: Int, _ factor: Int) -> String {
      emit("Mul", [parts[part], factors[factor]])
    }
    var turned = [
      emit("Sub", [product(0, 0), product(1, 1)]), emit("Add", [product(0, 1), product(1, 0)]),
    ]
    if isInterleaved {
      turned = turned.map { unsqueeze($0, [4]) }
      turned = [reshape(emit("Concat", turned, [.int("axis", 4)]), [0, 0, 0, size])]
    }
    if given > 0 { turned.append(slice(x, axis: 3, from: size, to: Int(Int32.max))) }
    let whole = turned.count == 1 ? turned[0] : emit("Concat", turned, [.int("axis", 3)])
    if rank == 4 { return become("Transpose", [whole], [.ints("perm", [0, 2, 1, 3])]) }
    become("Reshape", [whole, integers([0, 0, -1], "shape")])
  }
}
