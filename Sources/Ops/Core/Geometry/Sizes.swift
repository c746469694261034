import ONNXFormat

extension Int {
  /// The number rounded up to a multiple of 16, a 64-byte vector of floats, so that threads share no
  /// cache line.
  @inlinable package var vectors: Int { self > Int.max - 15 ? self : (self + 15) / 16 * 16 }

  /// The product, or `Int.max` on overflow, for sizes of memory and estimates of work.
  package static func work(_ factors: Int...) -> Int { factors.elementCount ?? Int.max }

  // Kernels use two or three factors: an array of them would be allocated.

  /// The product of two numbers, or `Int.max` if it exceeds 2⁵⁶.
  @inlinable package static func work(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow || product > 1 << 56 ? Int.max : product
  }
  /// The product of three numbers, or `Int.max` if it exceeds 2⁵⁶.
  @inlinable package static func work(_ a: Int, _ b: Int, _ c: Int) -> Int { work(work(a, b), c) }
}

extension Int {
  /// The sum of numbers that are not negative, or `Int.max` on overflow.
  package static func total(_ terms: Int...) -> Int {
    terms.reduce(0) { $0 > Int.max - $1 ? Int.max : $0 + $1 }
  }
}

extension Preparation {
  /// The product of sizes.
  /// - Throws: `OperatorError.invalid` on overflow
  public func count(_ sizes: some Sequence<Int>) throws(OperatorError) -> Int {
    guard let count = sizes.elementCount else {
      throw .invalid("the number of elements of sizes \(Array(sizes)) overflows")
    }
    return count
  }

  /// The element type of an output.
  /// - Throws: `OperatorError.output` if the output is left out
  public func outputType(_ index: Int) throws(OperatorError) -> ElementType {
    guard index < outputs.count, let type = outputs[index] else {
      throw .output(index, "must not be left out")
    }
    return type.elementType
  }
}
