import ONNXFormat
import ONNXOperators

/// The distinct elements, or slices along `axis`, in ascending order or in the order of their first
/// occurrence. Further outputs are the index of their first occurrence, the index of the distinct element
/// that each element equals, and the number of occurrences.
struct Unique: Operator {
  static let schema = Schema(
    "Unique", [11: .classic, 28: .any13], inputs: 1...1, outputs: 1...4)
  let axis: Int?
  let isSorted: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.optionalInt("axis")
    isSorted = try node.flag("sorted", default: true)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    var shape = axis == nil ? Shape(rank: 1) : data.shape
    var length = axis == nil ? try data.shape.map(product) ?? .unknown : .unknown
    if let axis, let full = shape {
      let along = try normalized(axis: axis, rank: full.rank)
      length = full[along]
      shape?[along] = .unknown
    }
    let list = ValueType.tensor(.int64, Shape(rank: 1))
    return [.tensor(data.elementType, shape), list, .tensor(.int64, [length]), list]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in try run(call) }
  }

  private func run(_ call: borrowing Call) throws(OperatorError) -> [Value?] {
    let data = try call.tensor(0)
    let sizes = axis == nil ? [data.count] : data.shape
    let along = try axis.map { axis throws(OperatorError) in
      try normalized(axis: axis, rank: sizes.count)
    }
    let axis = along ?? 0
    let length = sizes[axis]
    try call.reserve(length, bytesEach: 64)
    // Transposed so that the elements of a slice are contiguous.
    var source = data
    if axis > 0 {
      let order = [axis] + sizes.indices.filter { $0 != axis }
      let moved = order.map { sizes[$0] }
      let strides = rowMajorStrides(sizes)
      source = try call.allocate(data.elementType, moved)
      StridedCopy(
        data.elementType, moved, from: order.map { strides[$0] }, to: rowMajorStrides(moved)
      ).run(from: data.storage.pointer, to: source.storage.pointer)
    }
    let block = data.count == 0 ? 0 : data.count / length
    let groups = Groups(source, block: block, count: length, isSorted: isSorted)

    var target = sizes
    target[axis] = groups.first.count
    let result = try call.allocate(data.elementType, target)
    if axis == 0 {
      moveBlocks(
        data.elementType, block: block, from: source.storage.pointer, to: result.storage.pointer,
        offsets: groups.first)
    } else if result.count > 0 {
      let inner = sizes[(axis + 1)...].wrappingProduct
      let outer = sizes[..<axis].wrappingProduct
      var offsets: [Int] = []
      try call.reserve(result.count / inner, bytesEach: 8)
      for row in 0..<outer { offsets += groups.first.map { row &* length &+ $0 } }
      moveBlocks(
        data.elementType, block: inner, from: data.storage.pointer, to: result.storage.pointer,
        offsets: offsets)
    }
    return [
      .tensor(result), .tensor(try list(groups.first, call)),
      .tensor(try list(groups.number, call)), .tensor(try list(groups.count, call)),
    ]
  }

  private func list(_ values: [Int], _ call: borrowing Call) throws(OperatorError) -> Tensor {
    let result = try call.allocate(.int64, [values.count])
    let y = result.storage.pointer.assumingMemoryBound(to: Int64.self)
    for i in values.indices { y[i] = Int64(values[i]) }
    return result
  }
}

/// Runs of elements, grouped by equality.
private struct Groups {
  /// The first member and the number of members of each group, and the group of each member.
  var first: [Int] = []
  var count: [Int] = []
  var number: [Int]

  init(_ tensor: Tensor, block: Int, count length: Int, isSorted: Bool) {
    number = Array(repeating: 0, count: length)
    let order: [Int]
    let isEqual: [Bool]
    (order, isEqual) = sortedRuns(tensor, block: block, count: length)
    for (place, member) in order.enumerated() {
      if !isEqual[place] {
        first.append(member)
        count.append(0)
      }
      count[count.count - 1] += 1
      number[member] = first.count - 1
    }
    guard !isSorted else { return }
    let byFirst = first.indices.sorted { first[$0] < first[$1] }
    var rank = Array(repeating: 0, count: first.count)
    for (place, group) in byFirst.enumerated() { rank[group] = place }
    first = byFirst.map { first[$0] }
    count = byFirst.map { count[$0] }
    number = number.map { rank[$0] }
  }
}

/// The sorted order of runs of `block` elements, stable for equal ones, and for each position whether the
/// run equals the previous one.
private func sortedRuns(
  _ tensor: Tensor, block: Int, count: Int
) -> (order: [Int], isEqual: [Bool]) {
  func sort<T>(
    _ x: TensorElements<T>, _ precedes: (T, T) -> Bool
  ) -> (order: [Int], isEqual: [Bool]) {
    /// Negative if `a` precedes `b`, 0 if they are equal, otherwise positive.
    func compare(_ a: Int, _ b: Int) -> Int {
      for i in 0..<block {
        let (p, q) = (x[a * block + i], x[b * block + i])
        if precedes(p, q) { return -1 }
        if precedes(q, p) { return 1 }
      }
      return 0
    }
    let order = (0..<count).sorted {
      let difference = compare($0, $1)
      return difference == 0 ? $0 < $1 : difference < 0
    }
    let isEqual = order.indices.map { $0 > 0 && compare(order[$0 - 1], order[$0]) == 0 }
    return (order, isEqual)
  }
  /// NaNs are equal to each other and follow all numbers.
  func real<T: RealElement>(_ type: T.Type) -> (order: [Int], isEqual: [Bool]) {
    sort(tensor.elements(as: T.self)) { $0.compute.precedes($1.compute) }
  }
  return switch tensor.elementType {
  case .string:
    sort(tensor.elements(as: String.self)) { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  case .float32: real(Float.self)
  case .float64: real(Double.self)
  case .float16: real(Float16.self)
  case .bfloat16: real(BFloat16.self)
  case .complex64: sort(tensor.bits(as: SIMD2<Float>.self)) { complexPrecedes($0, $1) }
  case .complex128: sort(tensor.bits(as: SIMD2<Double>.self)) { complexPrecedes($0, $1) }
  case .int8: sort(tensor.elements(as: Int8.self), <)
  case .int16: sort(tensor.elements(as: Int16.self), <)
  case .int32: sort(tensor.elements(as: Int32.self), <)
  case .int64: sort(tensor.elements(as: Int64.self), <)
  case .uint16: sort(tensor.elements(as: UInt16.self), <)
  case .uint32: sort(tensor.elements(as: UInt32.self), <)
  case .uint64: sort(tensor.elements(as: UInt64.self), <)
  default: sort(tensor.bits(as: UInt8.self), <)
  }
}

private func complexPrecedes<T: BinaryFloatingPoint>(_ a: SIMD2<T>, _ b: SIMD2<T>) -> Bool {
  if a.x.precedes(b.x) { return true }
  return !b.x.precedes(a.x) && a.y.precedes(b.y)
}

extension BinaryFloatingPoint {
  /// `<`, with NaN after all numbers.
  fileprivate func precedes(_ other: Self) -> Bool { self < other || (!isNaN && other.isNaN) }
}
