/// The places of values that share a block of the arena: the parts of a value that is cut, and the
/// values that are joined to one.
struct Placement {
  /// The value that each lies in, itself for most, and its first byte there.
  private var homes: [(container: Int32, offset: Int)]

  init(count: Int) { homes = (0..<Int32(count)).map { ($0, 0) } }

  /// The outermost value that a value lies in, whose block it shares, and its first byte there.
  func place(_ number: Int32) -> (block: Int32, offset: Int) {
    var (block, offset) = homes[Int(number)]
    while homes[Int(block)].container != block {
      offset += homes[Int(block)].offset
      block = homes[Int(block)].container
    }
    return (block, offset)
  }

  /// Whether the value lies in no other.
  func isAlone(_ number: Int32) -> Bool { homes[Int(number)].container == number }

  /// Puts a value that lies in no other into one.
  mutating func put(_ number: Int32, in container: Int32, at offset: Int) {
    // The outermost container, so that chains stay short.
    let home = place(container)
    homes[Int(number)] = (home.block, home.offset + offset)
  }

  /// Places `whole` where `parts`, each with its size, already lie one behind the other.
  /// - Returns: whether they do.
  mutating func find(_ whole: Int32, in parts: [(number: Int32, bytes: Int)]) -> Bool {
    guard isAlone(whole), let first = parts.first.map({ place($0.number) }) else { return false }
    var end = first.offset
    for part in parts {
      let place = place(part.number)
      guard place == (first.block, end), place.block != part.number else { return false }
      end += part.bytes
    }
    put(whole, in: first.block, at: first.offset)
    return true
  }
}
