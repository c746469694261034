import ONNXFormat
import ONNXOperators

/// The mode of padding, and the numbers of elements added before and after along each axis.
struct Padding: Sendable {
  enum Mode: String, CaseIterable, Sendable {
    case constant, reflect, edge, wrap

    init(_ node: inout NodeReader) throws(OperatorError) {
      let known = Self.allCases.map(\.rawValue).prefix(node.version >= 19 ? 4 : 3)
      let name = try node.choice("mode", default: "constant", among: Array(known))
      self = Self(rawValue: name) ?? .constant
    }
  }

  /// The source of the constant.
  enum Fill: Sendable {
    case zero
    case input(Int)
    case tensor(Tensor)
  }

  let mode: Mode
  let before: [Int]
  let after: [Int]

  /// - Parameter pads: the numbers of elements before each of `axes`, then those after
  init(_ pads: [Int], axes: [Int]?, rank: Int, _ mode: Mode) throws(OperatorError) {
    let axes = try normalized(axes: axes ?? Array(0..<rank), rank: rank)
    guard pads.count == 2 * axes.count else {
      throw .invalid("expected \(2 * axes.count) pads for \(axes.count) axes, got \(pads.count)")
    }
    var before = Array(repeating: 0, count: rank)
    var after = before
    for (index, axis) in axes.enumerated() {
      before[axis] = pads[index]
      after[axis] = pads[index + axes.count]
    }
    self.before = before
    self.after = after
    self.mode = mode
  }

  func apply(to shape: Shape) throws(OperatorError) -> Shape {
    var result = shape
    for axis in shape.indices where before[axis] != 0 || after[axis] != 0 {
      guard let size = shape[axis].size else {
        result[axis] = .unknown
        continue
      }
      let (sum, overflow) = before[axis].addingReportingOverflow(after[axis])
      let (total, overflow2) = sum.addingReportingOverflow(size)
      guard !overflow, !overflow2, total >= 0,
        // No more elements can be removed than there are.
        before[axis] >= -size, after[axis] >= -size
      else {
        throw .invalid("pads \(before[axis]) and \(after[axis]) do not fit size \(size)")
      }
      if mode != .constant, size + min(before[axis], 0) + min(after[axis], 0) <= 0, total > 0 {
        throw .invalid("mode '\(mode)' needs elements, but axis \(axis) of \(shape) has none")
      }
      result[axis] = .size(total)
    }
    return result
  }

  func kernel(_ call: Preparation, fill: Fill) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let target = try call.outputSizes(0)
    if try call.outputCount(0) == 0 { return .compute { _ in } }
    if sizes == target, before.allSatisfy({ $0 == 0 }) { return .view(of: 0) }
    let mover = PadRows(sizes, target, before: before, after: after, mode, fill)
    let tile = mover.tile(Chunk(try call.elementType(0)))
    return .compute { buffers in buffers.parallel(mover.tasks, tile) }
  }
}

/// A dimension, or several adjacent ones that are not padded.
struct PaddedAxis: Sendable {
  let size: Int
  let target: Int
  /// The indices in the input of the elements that are kept.
  let kept: Range<Int>
  /// The index in the output of the first element that is kept.
  let start: Int
  let mode: Padding.Mode

  init(size: Int, target: Int, before: Int, after: Int, _ mode: Padding.Mode) {
    self.size = size
    self.target = target
    self.mode = mode
    kept = Swift.max(-before, 0)..<Swift.max(size + Swift.min(after, 0), Swift.max(-before, 0))
    start = Swift.max(before, 0)
  }

  /// The index in the input for an index of the output; `nil` for the constant.
  @inline(__always)
  func source(_ index: Int) -> Int? {
    let place = index - start
    let count = kept.count
    if place >= 0, place < count { return kept.lowerBound + place }
    switch mode {
    case .constant: return nil
    case .edge: return place < 0 ? kept.lowerBound : kept.upperBound - 1
    case .wrap: return kept.lowerBound + modulo(place, count)
    case .reflect:
      let period = Swift.max(2 * (count - 1), 1)
      let folded = modulo(place, period)
      return kept.lowerBound + (folded < count ? folded : period - folded)
    }
  }

  private func modulo(_ a: Int, _ b: Int) -> Int {
    let rest = a % b
    return rest < 0 ? rest + b : rest
  }
}

/// Fills the output row by row: padding, the elements that are kept, padding.
private struct PadRows: Mover {
  private var outer: [PaddedAxis] = []
  private let row: PaddedAxis
  /// The number of elements that one step along a row moves.
  private let block: Int
  private let fill: Padding.Fill
  private let rows: Int
  private let tiles: Tiles

  var tasks: Int { tiles.count }

  init(
    _ sizes: [Int], _ target: [Int], before: [Int], after: [Int], _ mode: Padding.Mode,
    _ fill: Padding.Fill
  ) {
    var axes: [PaddedAxis] = []
    var plain = 1
    func flush() {
      if plain > 1 {
        axes.append(PaddedAxis(size: plain, target: plain, before: 0, after: 0, mode))
      }
      plain = 1
    }
    for axis in sizes.indices {
      if before[axis] == 0, after[axis] == 0 {
        plain *= sizes[axis]
      } else {
        flush()
        axes.append(
          PaddedAxis(
            size: sizes[axis], target: target[axis], before: before[axis], after: after[axis],
            mode))
      }
    }
    block = plain
    row = axes.popLast() ?? PaddedAxis(size: 1, target: 1, before: 0, after: 0, mode)
    outer = axes
    self.fill = fill
    rows = axes.map(\.target).wrappingProduct
    tiles = Tiles(rows, cost: row.target * plain)
  }

  func move<T>(_ type: T.Type, _ buffers: Buffers, task: Int) {
    let x = buffers.input(0, as: T.self)
    let y = buffers.output(0, as: T.self)
    switch fill {
    case .input(let index): move(x, y, buffers.input(index, as: T.self), task)
    case .tensor(let tensor):
      move(x, y, UnsafePointer(tensor.storage.pointer.assumingMemoryBound(to: T.self)), task)
    case .zero: withZero(T.self) { move(x, y, $0, task) }
    }
  }

  @inline(__always)
  private func move<T>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ value: UnsafePointer<T>, _ task: Int
  ) {
    let length = row.target * block
    for index in tiles[task] {
      let target = y + index * length
      guard let line = line(index) else {
        target.update(repeating: value.pointee, count: length)
        continue
      }
      let source = x + line * row.size * block
      let end = row.start + row.kept.count
      border(source, target, 0..<row.start, value)
      (target + row.start * block).update(
        from: source + row.kept.lowerBound * block, count: row.kept.count * block)
      border(source, target, end..<Swift.max(row.target, end), value)
    }
  }

  @inline(__always)
  private func border<T>(
    _ source: UnsafePointer<T>, _ target: UnsafeMutablePointer<T>, _ range: Range<Int>,
    _ value: UnsafePointer<T>
  ) {
    for index in range {
      let place = target + index * block
      if let from = row.source(index) {
        for i in 0..<block { place[i] = source[from * block + i] }
      } else {
        place.update(repeating: value.pointee, count: block)
      }
    }
  }

  /// The row of the input for a row of the output; `nil` if the whole row is constant.
  private func line(_ index: Int) -> Int? {
    var rest = index
    var line = 0
    var stride = 1
    for axis in outer.reversed() {
      let place: Int
      (rest, place) = rest.quotientAndRemainder(dividingBy: axis.target)
      guard let source = axis.source(place) else { return nil }
      line += source * stride
      stride *= axis.size
    }
    return line
  }
}
