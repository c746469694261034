import ONNXFormat

extension Int {
  /// The number rounded up to whole 64-byte vectors of floats, so that threads share none.
  @inlinable public var vectors: Int { self > Int.max - 15 ? self : (self + 15) / 16 * 16 }

  /// The product, or the largest number where that overflows: for estimates of work.
  public static func work(_ factors: Int...) -> Int { factors.elementCount ?? Int.max }

  // Kernels multiply two and three, and an array of factors is an allocation.
  @inlinable public static func work(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow || product > 1 << 56 ? Int.max : product
  }
  @inlinable public static func work(_ a: Int, _ b: Int, _ c: Int) -> Int { work(work(a, b), c) }
}

extension Int {
  /// The sum of numbers that are not negative, or the largest number where that overflows.
  public static func total(_ terms: Int...) -> Int {
    terms.reduce(0) { $0 > Int.max - $1 ? Int.max : $0 + $1 }
  }
}

extension Preparation {
  /// Checks that the sizes multiply without overflow.
  /// - Returns: their product
  public func count(_ sizes: some Sequence<Int>) throws(OperatorError) -> Int {
    guard let count = sizes.elementCount else {
      throw .invalid("no tensor has sizes \(Array(sizes))")
    }
    return count
  }

  /// The element type of an output.
  /// - Throws: where it is left out
  public func outputType(_ index: Int) throws(OperatorError) -> ElementType {
    guard index < outputs.count, let type = outputs[index] else {
      throw .output(index, "must not be left out")
    }
    return type.elementType
  }
}
