import ONNXFormat
import ONNXOperators

/// An element that can be sorted by an integer key.
protocol SortKeyElement: Element {
  /// A key with the order of the numbers: equal for equal numbers, and largest for NaN.
  var sortKey: UInt64 { get }
}

extension SortKeyElement where Self: FixedWidthInteger {
  var sortKey: UInt64 {
    Self.isSigned
      ? UInt64(bitPattern: Int64(truncatingIfNeeded: self)) ^ 1 << 63
      : UInt64(truncatingIfNeeded: self)
  }
}

extension Double: SortKeyElement {
  var sortKey: UInt64 {
    if isNaN { return .max }
    // Adding 0 turns −0 into +0, so that both get the same key.
    let bits = (self + 0).bitPattern
    return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
  }
}

extension Float: SortKeyElement { var sortKey: UInt64 { Double(self).sortKey } }
extension Float16: SortKeyElement { var sortKey: UInt64 { Double(self).sortKey } }
extension BFloat16: SortKeyElement { var sortKey: UInt64 { Double(float).sortKey } }
extension Int8: SortKeyElement {}
extension Int16: SortKeyElement {}
extension Int32: SortKeyElement {}
extension Int64: SortKeyElement {}
extension UInt8: SortKeyElement {}
extension UInt16: SortKeyElement {}
extension UInt32: SortKeyElement {}
extension UInt64: SortKeyElement {}

/// The position of an element in its lane, ordered by the element's key and then by position.
struct RankedPlace: Comparable {
  let key: UInt64
  let place: Int

  static func < (a: RankedPlace, b: RankedPlace) -> Bool {
    a.key < b.key || a.key == b.key && a.place < b.place
  }
}

extension UnsafeMutableBufferPointer where Element: Comparable {
  /// Moves the `k` smallest elements to the front, sorted.
  func selectLeast(_ k: Int) {
    guard k > 0 else { return }
    if k > count / 8 {
      var all = self
      all.sort()
      return
    }
    // A max-heap of the `k` smallest elements so far.
    for root in stride(from: k / 2 - 1, through: 0, by: -1) { sink(root, within: k) }
    for i in k..<count where self[i] < self[0] {
      swapAt(i, 0)
      sink(0, within: k)
    }
    var least = UnsafeMutableBufferPointer(rebasing: self[..<k])
    least.sort()
  }

  private func sink(_ start: Int, within count: Int) {
    var root = start
    while true {
      var child = 2 * root + 1
      if child >= count { return }
      if child + 1 < count, self[child] < self[child + 1] { child += 1 }
      if !(self[root] < self[child]) { return }
      swapAt(root, child)
      root = child
    }
  }
}
