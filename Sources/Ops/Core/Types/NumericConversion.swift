extension FixedWidthInteger {
  /// The value truncated to an integer and clamped to the range of the type; 0 for NaN.
  @inlinable package init<F: BinaryFloatingPoint>(truncating value: F) {
    let whole = value.rounded(.towardZero)
    if let exact = Self(exactly: whole) {
      self = exact
    } else {
      self = whole.isNaN ? 0 : whole < 0 ? .min : .max
    }
  }
}
