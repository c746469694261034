import ONNXFormat

/// Axes counted from 0, for axes of which negative ones count from the end.
/// - Throws: `OperatorError.invalid` for an axis out of range, or one that is given twice
public func normalized(axes: [Int], rank: Int) throws(OperatorError) -> [Int] {
  // Such a list has duplicates or axes out of range, and a file may make it very long.
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

/// The distances between neighbours along each axis of a row-major tensor, in elements. They may wrap
/// around for a tensor without elements, where they are not used.
public func rowMajorStrides(_ sizes: [Int]) -> [Int] {
  var strides = Array(repeating: 1, count: sizes.count)
  for axis in sizes.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] &* sizes[axis + 1]
  }
  return strides
}

extension Sequence<Int> {
  /// The product. It wraps around on overflow, which is harmless for a tensor without elements.
  package var wrappingProduct: Int { reduce(1, &*) }
}

/// The dimension that two dimensions, which must be equal, are known to have.
/// - Throws: `OperatorError.invalid` if their sizes differ
package func unify(_ a: Dimension, _ b: Dimension) throws(OperatorError) -> Dimension {
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

/// The product of dimensions as far as it is known. The product of a symbol and ones is the symbol.
package func product(_ dimensions: some Sequence<Dimension>) throws(OperatorError) -> Dimension {
  let open = dimensions.filter { $0.size == nil }
  guard let known = dimensions.compactMap(\.size).elementCount else {
    throw .invalid("the product of the sizes \(Shape(Array(dimensions))) overflows")
  }
  if open.isEmpty || known == 0 { return .size(known) }
  return open.count == 1 && known == 1 ? open[0] : .unknown
}

/// Whether two dimensions are known to have the same size.
package func certainlyEqual(_ a: Dimension, _ b: Dimension) -> Bool { a != .unknown && a == b }
