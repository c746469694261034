extension FixedWidthInteger {
  /// The value without its fraction; the nearest end of the range beyond it, 0 for a NaN.
  @inlinable public init<F: BinaryFloatingPoint>(truncating value: F) {
    let whole = value.rounded(.towardZero)
    if let exact = Self(exactly: whole) {
      self = exact
    } else {
      self = whole.isNaN ? 0 : whole < 0 ? .min : .max
    }
  }
}
