import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The memory layout of the heads of a query, key, value or result: `[batch, heads, length, width]`, or
/// packed as `[batch, length, heads · width]`.
struct HeadLayout: Sendable {
  let heads: Int
  let length: Int
  let width: Int
  let isPacked: Bool

  /// The number of elements from one row of a head to the next.
  var stride: Int { isPacked ? heads * width : width }

  /// The offset of the first element of a row of a head.
  func offset(_ batch: Int, _ head: Int, row: Int) -> Int {
    isPacked
      ? ((batch * length + row) * heads + head) * width
      : ((batch * heads + head) * length + row) * width
  }
}

/// The heads of a tensor as matrices of the type for arithmetic: in place if that is the type of the
/// tensor, otherwise through a temporary matrix.
struct HeadRows<C: RowElement>: Sendable {
  let layout: HeadLayout
  let rows: RealRows<C>
  /// The factor of each element, applied in the type of the tensor.
  private let factor: C?

  init(_ layout: HeadLayout, _ type: ElementType, factor: C? = nil) throws(OperatorError) {
    self.layout = layout
    rows = try RealRows(type)
    self.factor = factor
  }

  private var isDirect: Bool { rows.type == C.elementType && factor == nil }

  /// The number of elements from one row of `matrix` or `target` to the next.
  var stride: Int { isDirect ? layout.stride : layout.width }

  /// The number of elements of a temporary matrix with a number of rows.
  func room(_ count: Int) -> Int { isDirect ? 0 : Int.work(count, layout.width).vectors }

  /// `count` rows of a head from row `first` on.
  func matrix(
    _ base: UnsafePointer<UInt8>, _ batch: Int, _ head: Int, first: Int, _ count: Int,
    room: UnsafeMutablePointer<C>
  ) -> UnsafePointer<C> {
    let width = layout.width
    if isDirect || width == 0 {
      return rows.read(base, at: layout.offset(batch, head, row: first), width, room: room)
    }
    for row in 0..<count {
      let target = room + row * width
      let offset = layout.offset(batch, head, row: first + row)
      let source = rows.read(base, at: offset, width, room: target)
      guard let factor else { continue }
      for i in 0..<width { target[i] = source[i] * factor }
      rows.type.round(target, width)
    }
    return UnsafePointer(room)
  }

  /// The address to compute rows of a head to, from row `first` on.
  func target(
    _ base: UnsafeMutablePointer<UInt8>, _ batch: Int, _ head: Int, first: Int,
    room: UnsafeMutablePointer<C>
  ) -> UnsafeMutablePointer<C> {
    rows.target(base, at: layout.offset(batch, head, row: first), room: room)
  }

  /// Stores `count` rows that were computed in `target`.
  func store(
    _ matrix: UnsafeMutablePointer<C>, _ base: UnsafeMutablePointer<UInt8>, _ batch: Int,
    _ head: Int, first: Int, _ count: Int
  ) {
    if isDirect { return }
    for row in 0..<count {
      rows.store(
        matrix + row * layout.width, base, at: layout.offset(batch, head, row: first + row),
        layout.width)
    }
  }
}

extension RealRows {
  /// Stores `count` elements, rounded to their type.
  func write(
    _ row: UnsafeMutablePointer<C>, _ base: UnsafeMutablePointer<UInt8>, at offset: Int,
    _ count: Int
  ) {
    let place = target(base, at: offset, room: row)
    if place == row {
      store(row, base, at: offset, count)
    } else {
      place.update(from: row, count: count)
    }
  }
}

extension ElementType {
  /// Rounds numbers to this floating-point type.
  func round<C: RowElement>(_ x: UnsafeMutablePointer<C>, _ count: Int) {
    if self == C.elementType { return }
    switch self {
    case .float16: for i in 0..<count { x[i] = C(Float16(x[i])) }
    case .bfloat16: for i in 0..<count { x[i] = C(BFloat16(Float(x[i])).float) }
    case .float32: for i in 0..<count { x[i] = C(Float(x[i])) }
    default: break
    }
  }

  /// Whether every step of a computation is rounded.
  var isHalf: Bool { self == .float16 || self == .bfloat16 }
}
