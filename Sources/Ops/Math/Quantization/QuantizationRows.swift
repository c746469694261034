import CKernels
import ONNXFormat
import ONNXOperators

/// A tensor as rows of contiguous elements that share one scale or have one contiguous scale each.
///
/// The scale is one number, one for each index of an axis, or one for each block of indices along
/// the axis, in which case it has the tensor's rank.
struct QuantizationRows: Sendable {
  /// The number of tasks.
  let tasks: Int
  /// The step from one element's scale to the next: 0 if a row shares one scale, else 1.
  let scaleStep: Int
  private let kind: Kind
  private let rows: Int
  private let rowsPerTask: Int

  private enum Kind {
    case whole(count: Int, piece: Int)
    case axis(size: Int, inner: Int)
    case axisLast(size: Int)
    case blocks(size: Int, blocks: Int, block: Int, inner: Int)
    case blocksLast(size: Int, blocks: Int, block: Int)
  }

  /// - Throws: `OperatorError.input` for input 1 if the scale's shape does not fit.
  init(
    _ sizes: [Int], scale: [Int], axis: Int, block: Int, acceptsVector: Bool
  ) throws(OperatorError) {
    let count = sizes.elementCount ?? 0
    var length = 16384
    if scale.elementCount == 1, scale.count <= 1 {
      kind = .whole(count: count, piece: length)
      rows = (count + length - 1) / length
      scaleStep = 0
    } else {
      guard acceptsVector else { throw .input(1, "expected a scalar, got shape \(Shape(scale))") }
      // A tensor of one dimension has no other axis.
      let axis = sizes.count == 1 ? 0 : try normalized(axis: axis, rank: sizes.count)
      let split = AxisSplit(sizes, axis: axis)
      if block == 0 {
        guard scale == [split.size] else {
          throw .input(
            1, "expected shape [] or [\(split.size)] for axis \(axis), got \(Shape(scale))")
        }
        kind =
          split.inner == 1
          ? .axisLast(size: split.size) : .axis(size: split.size, inner: split.inner)
        scaleStep = split.inner == 1 ? 1 : 0
        length = split.inner == 1 ? split.size : split.inner
        rows = count == 0 ? 0 : split.inner == 1 ? split.outer : split.outer * split.size
      } else {
        var expected = sizes
        let blocks = split.size / block + (split.size % block == 0 ? 0 : 1)
        expected[axis] = blocks
        guard scale == expected else {
          throw .input(
            1, "expected shape \(Shape(expected)) for blocks of \(block), got \(Shape(scale))")
        }
        kind =
          split.inner == 1
          ? .blocksLast(size: split.size, blocks: blocks, block: block)
          : .blocks(size: split.size, blocks: blocks, block: block, inner: split.inner)
        scaleStep = split.inner == 1 ? 0 : 1
        length = split.inner == 1 ? min(block, split.size) : split.inner
        rows = count == 0 ? 0 : split.outer * (split.inner == 1 ? blocks : split.size)
      }
    }
    rowsPerTask = max(1, 16384 / max(length, 1))
    tasks = (rows + rowsPerTask - 1) / rowsPerTask
  }

  /// Calls `body` with the start and length of each row of a task, and the start of its scales.
  @inline(__always)
  func forEach(in task: Int, _ body: (_ start: Int, _ count: Int, _ scale: Int) -> Void) {
    for row in task * rowsPerTask..<min(rows, (task + 1) * rowsPerTask) {
      switch kind {
      case .whole(let count, let piece): body(row * piece, min(piece, count - row * piece), 0)
      case .axis(let size, let inner): body(row * inner, inner, row % size)
      case .axisLast(let size): body(row * size, size, 0)
      case .blocks(let size, let blocks, let block, let inner):
        body(row * inner, inner, (row / size * blocks + row % size / block) * inner)
      case .blocksLast(let size, let blocks, let block):
        let first = row % blocks * block
        body(row / blocks * size + first, min(block, size - first), row)
      }
    }
  }
}

extension QuantizationRows {
  /// A kernel that maps blocks of input 0, with their scales (input 1) and zero points (input 2, if
  /// there is a reader for it), to output 0.
  /// - Parameter map: Maps a block in place. The step from one element's scale to the next is
  ///   `scaleStep`; without zero points, `zero` is 0.
  func kernel(
    _ x: FloatReader, scales: FloatReader, zeros: FloatReader?, _ y: FloatWriter,
    _ map:
      @escaping @Sendable (
        _ block: UnsafeMutablePointer<Float>, _ scale: UnsafePointer<Float>,
        _ zero: UnsafePointer<Float>, _ count: Int
      ) -> Void
  ) -> Kernel {
    let step = scaleStep
    let tile: Buffers.Tile = { buffers, task, _ in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * 512) { memory in
        guard let block = memory.baseAddress else { return }
        let (scale, zero) = (block + 512, block + 1024)
        zero.update(repeating: 0, count: 512)
        forEach(in: task) { start, count, place in
          for offset in stride(from: 0, to: count, by: 512) {
            let size = min(512, count - offset)
            if offset == 0 || step == 1 {
              let (first, numbers) = (place + offset * step, step == 0 ? 1 : size)
              scales.read(buffers.input(1), from: first, numbers, to: scale)
              zeros?.read(buffers.input(2), from: first, numbers, to: zero)
            }
            x.read(buffers.input(0), from: start + offset, size, to: block)
            map(block, scale, zero, size)
            y.write(block, size, to: buffers.output(0), at: start + offset)
          }
        }
      }
    }
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }
}

extension QuantizationRows {
  /// A kernel that maps whole rows with one scale each, bytes to float32 or float32 to bytes.
  /// - Parameters:
  ///   - hasZeros: whether input 2 has zero points
  ///   - map: maps the elements of a row, given the place of the first
  func byteKernel(
    _ type: ElementType, hasZeros: Bool,
    _ map: @escaping @Sendable (Buffers, _ start: Int, _ count: Int, ck_byte_code) -> Void
  ) -> Kernel {
    let flip = type.flip
    let tile: Buffers.Tile = { buffers, task, _ in
      let scales = buffers.input(1, as: Float.self)
      forEach(in: task) { start, count, place in
        let zero = hasZeros ? buffers.input(2, as: UInt8.self)[place] : 0
        let code = ck_byte_code(scale: scales[place], zero: Float(zero ^ flip), flip: flip)
        map(buffers, start, count, code)
      }
    }
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }
}
