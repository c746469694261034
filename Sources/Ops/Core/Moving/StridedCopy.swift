import CKernels
import ONNXFormat

/// A copy of elements between two strided views of the same sizes.
///
/// Dimensions that are contiguous in both views are merged. The rest is a list of 2-D copies (`rows` ×
/// `columns`), which are split into units.
package struct StridedCopy: Sendable {
  /// The size of a dimension, and its strides in the source and in the target, in chunks.
  private struct Axis {
    var size: Int
    var from: Int
    var to: Int
  }

  private enum Pattern { case runs, fills, blocks, single }

  private let chunk: Chunk
  private let pattern: Pattern
  private let outer: [Axis]
  private let rows: Axis
  private let columns: Axis
  private let fromOffset: Int
  private let toOffset: Int
  private let rowsPerUnit: Int
  private let columnsPerUnit: Int
  private let rowPieces: Int
  private let columnPieces: Int

  /// The number of units; `run` takes a range of them.
  package let units: Int
  /// The largest number of elements of a unit.
  package let unitSize: Int

  /// - Parameters:
  ///   - from: the strides of the source in elements, followed by the offset of its first element
  ///   - to: the same for the target
  package init(
    _ type: ElementType, _ sizes: [Int], from: [Int], fromOffset source: Int = 0,
    to: [Int], toOffset target: Int = 0
  ) {
    var axes: [Axis] = []
    for (axis, size) in sizes.enumerated() where size != 1 {
      let next = Axis(size: size, from: from[axis], to: to[axis])
      if let last = axes.last, last.from == next.from &* size, last.to == next.to &* size {
        axes[axes.count - 1] = Axis(size: last.size &* size, from: next.from, to: next.to)
      } else {
        axes.append(next)
      }
    }
    var chunk = Chunk(type)
    var width = 1
    if let last = axes.last, last.from == 1, last.to == 1, let wide = chunk.times(last.size) {
      let aligned = axes.dropLast().allSatisfy { axis in
        axis.from % last.size == 0 && axis.to % last.size == 0
      }
      if aligned, source % last.size == 0, target % last.size == 0 {
        chunk = wide
        width = last.size
        axes.removeLast()
        for index in axes.indices {
          axes[index].from /= width
          axes[index].to /= width
        }
      }
    }
    self.chunk = chunk
    fromOffset = source / width
    toOffset = target / width

    let columns = axes.popLast() ?? Axis(size: 1, from: 1, to: 1)
    let partner = axes.lastIndex { $0.from == 1 && $0.size >= 4 }
    if columns.from == 1, columns.to == 1 {
      pattern = .runs
      rows = axes.popLast() ?? Axis(size: 1, from: 0, to: 0)
    } else if columns.from == 0, columns.to == 1 {
      pattern = .fills
      rows = axes.popLast() ?? Axis(size: 1, from: 0, to: 0)
    } else if columns.to == 1, columns.size >= 4, let partner {
      pattern = .blocks
      rows = axes.remove(at: partner)
    } else {
      pattern = .single
      rows = axes.popLast() ?? Axis(size: 1, from: 0, to: 0)
    }
    self.columns = columns
    outer = axes

    let isEmpty = sizes.contains(0)
    columnsPerUnit = min(max(columns.size, 1), Self.taskSize)
    rowsPerUnit = min(max(rows.size, 1), max(Self.taskSize / columnsPerUnit, Self.line))
    columnPieces = (columns.size + columnsPerUnit - 1) / columnsPerUnit
    rowPieces = (rows.size + rowsPerUnit - 1) / rowsPerUnit
    units = isEmpty ? 0 : axes.map(\.size).wrappingProduct * rowPieces * columnPieces
    unitSize = rowsPerUnit * columnsPerUnit
  }

  /// The number of elements that a task should have.
  package static let taskSize = 32768
  /// The fewest rows of a unit of a transposition: a cache line of 1-byte elements.
  private static let line = 64

  /// Runs some units. `from` and `to` are the addresses of the first elements of the tensors.
  package func run(_ range: Range<Int>, from: UnsafeRawPointer, to: UnsafeMutableRawPointer) {
    switch chunk {
    case .one: run(UInt8.self, range, from, to)
    case .two: run(UInt16.self, range, from, to)
    case .four: run(UInt32.self, range, from, to)
    case .eight: run(UInt64.self, range, from, to)
    case .sixteen: run(SIMD2<UInt64>.self, range, from, to)
    case .string: run(String.self, range, from, to)
    }
  }

  /// Runs all units.
  package func run(from: UnsafeRawPointer, to: UnsafeMutableRawPointer) {
    run(0..<units, from: from, to: to)
  }

  @inline(__always)
  private func run<T>(
    _ type: T.Type, _ range: Range<Int>, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer
  ) {
    let source = from.assumingMemoryBound(to: T.self) + fromOffset
    let target = to.assumingMemoryBound(to: T.self) + toOffset
    let pieces = rowPieces * columnPieces
    for unit in range {
      var (rest, piece) = pieces == 1 ? (unit, 0) : unit.quotientAndRemainder(dividingBy: pieces)
      let row = piece / columnPieces * rowsPerUnit
      let column = piece % columnPieces * columnsPerUnit
      var x = source + (row * rows.from + column * columns.from)
      var y = target + (row * rows.to + column * columns.to)
      for axis in outer.reversed() {
        let index: Int
        (rest, index) = rest.quotientAndRemainder(dividingBy: axis.size)
        x += index * axis.from
        y += index * axis.to
      }
      copy(
        x, y, rows: Swift.min(rowsPerUnit, rows.size - row),
        columns: Swift.min(columnsPerUnit, columns.size - column))
    }
  }

  @inline(__always)
  private func copy<T>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, rows m: Int, columns n: Int
  ) {
    let (xRow, yRow, xColumn, yColumn) = (rows.from, rows.to, columns.from, columns.to)
    switch pattern {
    case .runs where n >= 16:
      for i in 0..<m { (y + i * yRow).update(from: x + i * xRow, count: n) }
    case .runs:
      for i in 0..<m {
        let (x, y) = (x + i * xRow, y + i * yRow)
        for j in 0..<n { y[j] = x[j] }
      }
    case .fills:
      for i in 0..<m { (y + i * yRow).update(repeating: x[i * xRow], count: n) }
    case .blocks: transpose(x, y, rows: m, columns: n)
    case .single:
      for i in 0..<m {
        let (x, y) = (x + i * xRow, y + i * yRow)
        for j in 0..<n { y[j * yColumn] = x[j * xColumn] }
      }
    }
  }

  @inline(__always)
  private func transpose<T>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, rows m: Int, columns n: Int
  ) {
    let (step, yRow) = (columns.from, rows.to)
    if chunk == .string || chunk == .sixteen {
      for i in 0..<m { for j in 0..<n { y[i * yRow + j] = x[i + j * step] } }
    } else {
      ck_transpose(x, step, y, yRow, m, n, MemoryLayout<T>.stride)
    }
  }
}
