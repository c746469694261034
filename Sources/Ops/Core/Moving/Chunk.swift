import ONNXFormat

/// The size of an element in bytes, or that it is a string: all that operators that only move elements
/// need to know.
@usableFromInline package enum Chunk: Sendable {
  case one, two, four, eight, sixteen, string

  package init(_ type: ElementType) {
    switch type.stride {
    case _ where type == .string: self = .string
    case 2: self = .two
    case 4: self = .four
    case 8: self = .eight
    case 16: self = .sixteen
    default: self = .one
    }
  }

  private init?(bytes: Int) {
    switch bytes {
    case 1: self = .one
    case 2: self = .two
    case 4: self = .four
    case 8: self = .eight
    case 16: self = .sixteen
    default: return nil
    }
  }

  /// The number of bytes of an element.
  package var bytes: Int {
    switch self {
    case .one: 1
    case .two: 2
    case .four: 4
    case .eight: 8
    case .sixteen: 16
    case .string: MemoryLayout<String>.stride
    }
  }

  /// The chunk that is as large as `count` adjacent ones; `nil` if there is none.
  package func times(_ count: Int) -> Chunk? {
    if self == .string || count > 16 || count < 1 { return nil }
    return Chunk(bytes: bytes * count)
  }
}

/// A task that only moves elements, generic over a type of the same size.
@usableFromInline package protocol Mover: Sendable {
  func move<T>(_ type: T.Type, _ buffers: Buffers, task: Int)
}

extension Mover {
  /// A tile that moves elements of this size.
  @inlinable package func tile(_ chunk: Chunk) -> Buffers.Tile {
    switch chunk {
    case .one: { buffers, task, _ in move(UInt8.self, buffers, task: task) }
    case .two: { buffers, task, _ in move(UInt16.self, buffers, task: task) }
    case .four: { buffers, task, _ in move(UInt32.self, buffers, task: task) }
    case .eight: { buffers, task, _ in move(UInt64.self, buffers, task: task) }
    case .sixteen: { buffers, task, _ in move(SIMD2<UInt64>.self, buffers, task: task) }
    case .string: { buffers, task, _ in move(String.self, buffers, task: task) }
    }
  }
}

/// Calls `body` with the address of a zero, or of an empty string.
@inlinable @inline(__always)
package func withZero<T>(_ type: T.Type, _ body: (UnsafePointer<T>) -> Void) {
  if T.self == String.self {
    var empty = ""
    withUnsafePointer(to: &empty) { body(UnsafeRawPointer($0).assumingMemoryBound(to: T.self)) }
  } else {
    var zero = SIMD2<UInt64>(0, 0)
    withUnsafePointer(to: &zero) { body(UnsafeRawPointer($0).assumingMemoryBound(to: T.self)) }
  }
}

/// `to[i] = from[offsets[i]]` for blocks of `block` elements.
package func moveBlocks(
  _ type: ElementType, block: Int, from: UnsafeRawPointer, to: UnsafeMutableRawPointer,
  offsets: UnsafeBufferPointer<Int>
) {
  @inline(__always) func move<T>(_ type: T.Type) {
    let x = from.assumingMemoryBound(to: T.self)
    let y = to.assumingMemoryBound(to: T.self)
    if block == 1 {
      for i in offsets.indices { y[i] = x[offsets[i]] }
    } else {
      for i in offsets.indices {
        (y + i * block).update(from: x + offsets[i] * block, count: block)
      }
    }
  }
  switch Chunk(type) {
  case .one: move(UInt8.self)
  case .two: move(UInt16.self)
  case .four: move(UInt32.self)
  case .eight: move(UInt64.self)
  case .sixteen: move(SIMD2<UInt64>.self)
  case .string: move(String.self)
  }
}

/// `moveBlocks` for an array of offsets.
package func moveBlocks(
  _ type: ElementType, block: Int, from: UnsafeRawPointer, to: UnsafeMutableRawPointer,
  offsets: [Int]
) {
  offsets.withUnsafeBufferPointer {
    moveBlocks(type, block: block, from: from, to: to, offsets: $0)
  }
}
