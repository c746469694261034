import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The keys that a query attends to by their position: causal order, a window and the length of the
/// cache.
struct AttentionWindow: Sendable {
  let isCausal: Bool
  /// The numbers of positions before and after that of the query; `nil` for no limit.
  let left: Int?
  let right: Int?

  /// Larger than any position.
  static let limit = 1 << 40

  /// The range of `keys` keys that query `row` of `queries` attends to.
  /// - Parameters:
  ///   - past: the number of keys that precede the first query
  ///   - valid: the number of keys in the cache that are not padding, the last of which belong to the
  ///     queries; `nil` without a cache
  func keys(of row: Int, queries: Int, keys: Int, past: Int, valid: Int?) -> Range<Int> {
    let valid = valid.map { min(max($0, -Self.limit), Self.limit) }
    let place = (valid.map { $0 - queries } ?? past) + row
    var low = 0
    var high = min(valid ?? keys, keys)
    if isCausal { high = min(high, place + 1) }
    if let left { low = max(low, place - min(left, Self.limit)) }
    if let right { high = min(high, place + min(right, Self.limit) + 1) }
    low = min(low, keys)
    return low..<max(low, high)
  }
}

/// The mask input as rows of numbers to add. A bool mask tells whether a key is attended to.
struct AttentionMask<C: RowElement>: Sendable {
  private let batch: Int
  private let head: Int
  private let row: Int
  private let width: Int
  private let load: @Sendable (UnsafeRawPointer, Int, Int, UnsafeMutablePointer<C>) -> Void
  /// Whether rows are in the type for arithmetic already.
  private let isDirect: Bool
  /// Whether the only number of a row is that of every key.
  private let repeats: Bool

  /// - Parameters:
  ///   - sizes: the sizes of the mask, which broadcast to batch, heads, queries and keys
  ///   - bools: the numbers for `false` and `true` in a bool mask
  init(
    _ sizes: [Int], _ type: ElementType, _ bools: (C, C) = (-.infinity, 0), repeats: Bool = false
  ) throws(OperatorError) {
    isDirect = type == C.elementType
    self.repeats = repeats
    let padded = Array(repeating: 1, count: 4 - sizes.count) + sizes
    width = padded[3]
    row = padded[2] == 1 ? 0 : width
    head = padded[1] == 1 ? 0 : padded[2] * width
    batch = padded[0] == 1 ? 0 : padded[1] * padded[2] * width
    load =
      switch type {
      case .bool: Self.bools(bools.0, bools.1)
      case .float32: Self.reals(Float.self)
      case .float64: Self.reals(Double.self)
      case .float16: Self.reals(Float16.self)
      case .bfloat16: Self.reals(BFloat16.self)
      case .int8: Self.integers(Int8.self)
      case .int16: Self.integers(Int16.self)
      case .int32: Self.integers(Int32.self)
      case .int64: Self.integers(Int64.self)
      case .uint8: Self.integers(UInt8.self)
      case .uint16: Self.integers(UInt16.self)
      case .uint32: Self.integers(UInt32.self)
      case .uint64: Self.integers(UInt64.self)
      default: throw .input(3, "element type \(type) is not supported")
      }
  }

  /// Adds the mask to the `scores` of one query. Keys beyond the width of the mask are masked.
  /// - Returns: whether any of the keys `seen` is not masked
  func add(
    to scores: UnsafeMutablePointer<C>, _ base: UnsafePointer<UInt8>, batch b: Int, head h: Int,
    row i: Int, seen: Range<Int>, room: UnsafeMutablePointer<C>
  ) -> Bool {
    load(UnsafeRawPointer(base), b * batch + h * head + i * row, width, room)
    var remains = false
    for j in seen {
      let value = j < width ? room[j] : -.infinity
      remains = remains || value != -.infinity
      scores[j] = value == -.infinity ? value : scores[j] + value
    }
    return remains
  }

  /// The number of elements of memory for the rows of a number of queries.
  func room(_ queries: Int, keys: Int) -> Int {
    isDirect && width == keys ? 0 : Int.work(row == 0 ? 1 : queries, keys)
  }

  /// The rows of some queries and the number of elements from one to the next, 0 if there is only one.
  /// Keys beyond the width of the mask are masked.
  func rows(
    _ queries: Range<Int>, _ base: UnsafePointer<UInt8>, batch b: Int, head h: Int, keys: Int,
    room: UnsafeMutablePointer<C>
  ) -> (UnsafePointer<C>, Int) {
    let offset = b * batch + h * head + queries.lowerBound * row
    if isDirect && width == keys {
      return (UnsafeRawPointer(base).assumingMemoryBound(to: C.self) + offset, row)
    }
    for i in 0..<(row == 0 ? 1 : queries.count) {
      load(UnsafeRawPointer(base), offset + i * row, width, room + i * keys)
      let rest = repeats ? room[i * keys] : -.infinity
      for j in width..<max(width, keys) { room[i * keys + j] = rest }
    }
    return (UnsafePointer(room), row == 0 ? 0 : keys)
  }

  private static func bools(
    _ off: C, _ on: C
  ) -> @Sendable (UnsafeRawPointer, Int, Int, UnsafeMutablePointer<C>) -> Void {
    { base, offset, count, target in
      let mask = base.assumingMemoryBound(to: UInt8.self) + offset
      for i in 0..<count { target[i] = mask[i] != 0 ? on : off }
    }
  }

  private static func reals<T: RealElement>(
    _ type: T.Type
  ) -> @Sendable (UnsafeRawPointer, Int, Int, UnsafeMutablePointer<C>) -> Void {
    { base, offset, count, target in
      let mask = base.assumingMemoryBound(to: T.self) + offset
      for i in 0..<count { target[i] = C(mask[i].compute) }
    }
  }

  private static func integers<T: FixedWidthInteger & Sendable>(
    _ type: T.Type
  ) -> @Sendable (UnsafeRawPointer, Int, Int, UnsafeMutablePointer<C>) -> Void {
    { base, offset, count, target in
      let mask = base.assumingMemoryBound(to: T.self) + offset
      for i in 0..<count { target[i] = C(mask[i]) }
    }
  }
}
