/// Allocates places in one block of memory to values of limited lifetime. Offsets are multiples of 64;
/// a value takes the smallest gap that fits.
struct Arena {
  private struct Gap {
    var offset: Int
    var size: Int
  }
  /// Sorted by offset, never adjacent.
  private var gaps: [Gap] = []
  /// The size of the block: the highest end of any value so far.
  private(set) var size = 0

  /// Whether a value may begin at this offset. Kernels expect the alignment of a block.
  static func isAligned(_ offset: Int) -> Bool { offset % 64 == 0 }

  /// Bytes that a value of `bytes` occupies.
  static func rounded(_ bytes: Int) -> Int { (max(bytes, 1) + 63) & ~63 }

  /// The offset of a place of that many bytes.
  mutating func allocate(_ bytes: Int) -> Int {
    let needed = Self.rounded(bytes)
    var best: Int?
    for (index, gap) in gaps.enumerated() where gap.size >= needed {
      if best.map({ gap.size < gaps[$0].size }) ?? true { best = index }
      if gap.size == needed { break }
    }
    if let best {
      let offset = gaps[best].offset
      gaps[best].offset += needed
      gaps[best].size -= needed
      if gaps[best].size == 0 { gaps.remove(at: best) }
      return offset
    }
    // A gap at the end grows.
    if let last = gaps.last, last.offset + last.size == size {
      gaps.removeLast()
      size = last.offset + needed
      return last.offset
    }
    defer { size += needed }
    return size
  }

  /// Makes a place free again.
  mutating func free(_ offset: Int, _ bytes: Int) {
    let needed = Self.rounded(bytes)
    var low = 0
    var high = gaps.count
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    let joinsNext = low < gaps.count && offset + needed == gaps[low].offset
    let joinsLast = low > 0 && gaps[low - 1].offset + gaps[low - 1].size == offset
    switch (joinsLast, joinsNext) {
    case (true, true):
      gaps[low - 1].size += needed + gaps[low].size
      gaps.remove(at: low)
    case (true, false): gaps[low - 1].size += needed
    case (false, true):
      gaps[low].offset = offset
      gaps[low].size += needed
    case (false, false): gaps.insert(Gap(offset: offset, size: needed), at: low)
    }
  }
}
