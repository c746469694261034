import ONNXFormat
import ONNXOperators

/// The type-erased loops of a ranking: they read a lane whose elements are `step` apart.
struct RankingLoops: Sendable {
  /// Ranks the elements of a lane by their sort key, with the bits of `flip` inverted.
  let rank:
    @Sendable (
      _ x: UnsafeRawPointer, _ step: Int, _ flip: UInt64,
      _ ranked: UnsafeMutableBufferPointer<RankedPlace>
    ) -> Void
  /// Copies the ranked elements of a lane to another one.
  let pick:
    @Sendable (
      _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ step: Int,
      _ ranked: UnsafeMutableBufferPointer<RankedPlace>
    ) -> Void

  fileprivate init<T>(_ type: T.Type, _ sortKey: @escaping @Sendable (T) -> UInt64) {
    rank = { x, step, flip, ranked in
      let x = x.assumingMemoryBound(to: T.self)
      for i in ranked.indices {
        ranked[i] = RankedPlace(key: sortKey(x[i * step]) ^ flip, place: i)
      }
    }
    pick = { x, y, step, ranked in
      let x = x.assumingMemoryBound(to: T.self)
      let y = y.assumingMemoryBound(to: T.self)
      for i in ranked.indices { y[i * step] = x[ranked[i].place * step] }
    }
  }
}

/// Creates the loops with sort keys in the order of the numbers: equal for equal numbers, and largest
/// for NaN.
struct RankingVisitor: NumberVisitor {
  func visit<T: RealElement>(_ type: T.Type, _ context: Void) -> RankingLoops {
    RankingLoops(type) { x in
      let value = Double(x.compute)
      if value.isNaN { return .max }
      // Adding 0 turns −0 into +0, so that both get the same key.
      let bits = (value + 0).bitPattern
      return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
    }
  }

  func visit<T: Element & FixedWidthInteger>(_ type: T.Type, _ context: Void) -> RankingLoops {
    RankingLoops(type) { x in
      T.isSigned
        ? UInt64(bitPattern: Int64(truncatingIfNeeded: x)) ^ 1 << 63
        : UInt64(truncatingIfNeeded: x)
    }
  }
}

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
