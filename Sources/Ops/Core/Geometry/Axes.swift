import ONNXFormat

/// Axes counted from 0, as `normalized(axis:rank:)` has them, each of which may occur once.
public func normalized(axes: [Int], rank: Int) throws(OperatorError) -> [Int] {
  // A list longer than the rank holds one twice; say so before walking through it.
  guard axes.count <= rank else {
    throw .invalid("\(axes.count) axes are given for rank \(rank)")
  }
  var seen = Set<Int>()
  var result: [Int] = []
  for axis in axes {
    let resolved = try normalized(axis: axis, rank: rank)
    guard seen.insert(resolved).inserted else { throw .invalid("axis \(axis) is given twice") }
    result.append(resolved)
  }
  return result
}

/// Distances in elements between neighbours along each axis of a row-major tensor.
/// For a tensor without elements they may wrap around; nobody uses them then.
public func rowMajorStrides(_ sizes: [Int]) -> [Int] {
  var strides = Array(repeating: 1, count: sizes.count)
  for axis in sizes.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] &* sizes[axis + 1]
  }
  return strides
}

extension Sequence<Int> {
  /// The product; what overflows wraps, as it may only for a tensor without elements.
  public var wrappingProduct: Int { reduce(1, &*) }
}

/// What two dimensions that must be equal are known to be.
public func unify(_ a: Dimension, _ b: Dimension) throws(OperatorError) -> Dimension {
  switch (a, b) {
  case (.size(let m), .size(let n)):
    guard m == n else { throw .invalid("sizes \(m) and \(n) differ") }
    return a
  case (.size, _): return a
  case (_, .size): return b
  case (.unknown, _): return b
  default: return a
  }
}

/// The product of dimensions as far as it is known: a lone symbol among ones stays one.
public func product(_ dimensions: some Sequence<Dimension>) throws(OperatorError) -> Dimension {
  let open = dimensions.filter { $0.size == nil }
  guard let known = dimensions.compactMap(\.size).elementCount else {
    throw .invalid("the product of the sizes \(Shape(Array(dimensions))) overflows")
  }
  if open.isEmpty || known == 0 { return .size(known) }
  return open.count == 1 && known == 1 ? open[0] : .unknown
}

/// Whether two dimensions are certainly of one size.
public func certainlyEqual(_ a: Dimension, _ b: Dimension) -> Bool { a != .unknown && a == b }
