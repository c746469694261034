import Glibc
import ONNXFormat
import ONNXSupport

/// Some adjacent rows of a table.
struct Block: Sendable {
  var count: Int
  /// The values of each input of the model.
  var inputs: [RowValues]
  var kept = Kept.none
}

/// The columns of a table that go to the output as they are.
enum Kept: Sendable {
  /// The writer gets them from the file itself.
  case none
  /// A text for each row of each column: a cell of a CSV table, or a JSON value.
  case texts([[String]])
  case tensors([Tensor])
}

/// The values of one input for the rows of a block.
///
/// `@unchecked Sendable`: the memory never changes.
struct RowValues: @unchecked Sendable {
  enum Storage {
    case bytes([UInt8])
    case strings([String])
    /// Memory that `owner` keeps.
    case memory(UnsafeRawPointer, owner: AnyObject)
  }

  enum Layout {
    /// Rows of as many elements, one after the other.
    case uniform(Int)
    case lists(starts: [Int], counts: [Int])
  }

  let storage: Storage
  var layout: Layout
  /// The shape of a row, where it does not follow from the number of elements.
  var shape: [Int]?
  /// The type of the elements in memory; that of the input if `nil`.
  var elementType: ElementType?

  /// The end of the rows from `start` on that have as many elements.
  func endOfEqualRows(_ start: Int, _ end: Int) -> Int {
    guard case .lists(_, let counts) = layout else { return end }
    return (start..<end).first { counts[$0] != counts[start] } ?? end
  }

  /// Makes the tensor of some rows; if it has more, they repeat the last row.
  func tensor(_ rows: Range<Int>, padded count: Int, for input: RowInput) throws -> Tensor {
    let width: Int
    switch layout {
    case .uniform(let elements): width = elements
    case .lists(_, let counts): width = counts[rows.lowerBound]
    }
    guard let shape = shape ?? input.shape(of: width) else {
      throw Failure("\(width) elements do not make \(input.description)")
    }
    let type = elementType ?? input.elementType
    let tensor = try Tensor(uninitialized: type, shape: [count] + shape)
    func start(_ index: Int) -> Int {
      let row = min(rows.lowerBound + index, rows.upperBound - 1)
      switch layout {
      case .uniform: return row * width
      case .lists(let starts, _): return starts[row]
      }
    }
    switch storage {
    case .strings(let strings):
      let target = tensor.storage.pointer.assumingMemoryBound(to: String.self)
      for index in 0..<count {
        for element in 0..<width {
          target[index * width + element] = strings[start(index) + element]
        }
      }
    case .bytes(let bytes):
      bytes.withUnsafeBytes { copy($0.baseAddress) }
    case .memory(let pointer, let owner):
      withExtendedLifetime(owner) { copy(pointer) }
    }
    func copy(_ source: UnsafeRawPointer?) {
      guard let source, width > 0 else { return }
      let size = type.stride
      if case .uniform = layout, count == rows.count {
        tensor.storage.pointer.copyMemory(
          from: source + rows.lowerBound * width * size, byteCount: count * width * size)
        return
      }
      for index in 0..<count {
        (tensor.storage.pointer + index * width * size).copyMemory(
          from: source + start(index) * size, byteCount: width * size)
      }
    }
    return type == input.elementType ? tensor : try converted(tensor, to: input.elementType)
  }
}

/// Elements that a reader appends one by one.
struct ElementBuffer {
  let type: ElementType
  private var bytes: [UInt8] = []
  private var strings: [String] = []
  private(set) var count = 0
  private var counts: [Int] = []
  private var starts: [Int] = []

  init(_ type: ElementType) { self.type = type }

  /// The number of elements of the row that is not ended.
  var open: Int { count - ((starts.last ?? 0) + (counts.last ?? 0)) }

  /// Ends a row.
  mutating func endRow() {
    let start = (starts.last ?? 0) + (counts.last ?? 0)
    starts.append(start)
    counts.append(count - start)
  }

  var values: RowValues {
    let isUniform = counts.allSatisfy { $0 == counts[0] }
    return RowValues(
      storage: type == .string ? .strings(strings) : .bytes(bytes),
      layout: isUniform
        ? .uniform(counts.first ?? 0) : .lists(starts: starts, counts: counts))
  }

  mutating func append(_ string: String) {
    strings.append(string)
    count += 1
  }

  private mutating func push<T>(_ value: T) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    count += 1
  }

  /// Appends the number or truth value that a text states. A byte that belongs to no number must follow
  /// it in memory.
  /// - Returns: whether the text is one that the type can hold
  mutating func append(text: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let start = text.baseAddress, let first = text.first, first > 0x20 else { return false }
    func real<T>(_ parse: (UnsafePointer<CChar>, inout UnsafeMutablePointer<CChar>?) -> T) -> T? {
      start.withMemoryRebound(to: CChar.self, capacity: text.count + 1) { start in
        var end: UnsafeMutablePointer<CChar>?
        let value = parse(start, &end)
        return end == UnsafeMutablePointer(mutating: start) + text.count ? value : nil
      }
    }
    func float() -> Float? { real { strtof($0, &$1) } }
    func integer<T: FixedWidthInteger>(_ type: T.Type) -> T? {
      var value: T = 0
      let isNegative = first == UInt8(ascii: "-")
      let digits = isNegative || first == UInt8(ascii: "+") ? text.dropFirst() : text[...]
      guard !digits.isEmpty else { return nil }
      for byte in digits {
        guard byte >= 0x30, byte <= 0x39 else {
          return real { strtod($0, &$1) }.flatMap { T(exactly: $0) }
        }
        let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
        let digit = T(byte - 0x30)
        let (sum, overflow2) =
          isNegative
          ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
        guard !overflow, !overflow2 else { return nil }
        value = sum
      }
      return value
    }
    func take<T>(_ value: T?) -> Bool {
      guard let value else { return false }
      push(value)
      return true
    }
    switch type {
    case .float32: return take(float())
    case .float64: return take(real { strtod($0, &$1) })
    case .float16: return take(float().map { Float16($0) })
    case .bfloat16: return take(float().map { BFloat16($0) })
    case .int8: return take(integer(Int8.self))
    case .int16: return take(integer(Int16.self))
    case .int32: return take(integer(Int32.self))
    case .int64: return take(integer(Int64.self))
    case .uint8: return take(integer(UInt8.self))
    case .uint16: return take(integer(UInt16.self))
    case .uint32: return take(integer(UInt32.self))
    case .uint64: return take(integer(UInt64.self))
    case .bool:
      switch String(decoding: text, as: UTF8.self).lowercased() {
      case "true", "1": push(true)
      case "false", "0": push(false)
      default: return false
      }
      return true
    default: return false
    }
  }
}
