import ONNXFormat
import ONNXSupport

/// Reads a file with a JSON object in each line. Its columns are the members of the first one.
final class JSONLinesReader: TableReader {
  let columns: [String]
  var plan = ColumnPlan() { didSet { usePlan() } }
  private(set) var position = 0
  private let path: String
  private let inputs: [RowInput]
  private let source: RecordSource
  private var first: UnsafeBufferPointer<UInt8>?
  private var part = 0..<0
  /// The inputs and carried columns that a member is for.
  private var uses: [String: (inputs: [(input: Int, place: Int)], kept: Int?)] = [:]

  init(_ path: String, _ inputs: [RowInput]) throws {
    self.path = path
    self.inputs = inputs
    source = try RecordSource(path, hasQuotes: false)
    first = try source.next()
    isEmpty = first == nil
    var names: [String] = []
    if let first {
      do {
        try Self.members(first) {
          names.append($0); try $1.skipValue()
        }
      } catch {
        throw Failure("\(path): line \(source.line): \(error)")
      }
    }
    columns = names
  }

  var allowsUnnamed: Bool { true }
  let isEmpty: Bool

  private func usePlan() {
    uses = [:]
    for (index, columns) in plan.inputs.enumerated() {
      for (place, column) in columns.enumerated() {
        uses[self.columns[column], default: ([], nil)].inputs.append((index, place))
      }
    }
    for (index, column) in plan.kept.enumerated() {
      uses[columns[column], default: ([], nil)].kept = index
    }
  }

  private func advance() throws -> UnsafeBufferPointer<UInt8>? {
    if let record = first {
      first = nil
      return record
    }
    return try source.next()
  }

  func open(_ part: Range<Int>) throws {
    self.part = part
    while position < part.lowerBound, try advance() != nil { position += 1 }
  }

  func next(_ limit: Int) throws -> Block? {
    var buffers = inputs.map { ElementBuffer($0.elementType) }
    var kept = [[String]](repeating: [], count: plan.kept.count)
    var count = 0
    var bytes = 0
    while count < limit, position < part.upperBound, bytes < blockBytes,
      let record = try advance()
    {
      bytes += record.count
      position += 1
      count += 1
      do { try read(record, &buffers, &kept) } catch {
        throw Failure("\(path): line \(source.line): \(error)")
      }
    }
    guard count > 0 else { return nil }
    return Block(count: count, inputs: buffers.map(\.values), kept: .texts(kept))
  }

  private func read(
    _ record: UnsafeBufferPointer<UInt8>, _ buffers: inout [ElementBuffer],
    _ kept: inout [[String]]
  ) throws {
    var values: [Int: JSONCursor] = [:]
    var carried = [String?](repeating: nil, count: kept.count)
    try Self.members(record) { name, cursor in
      cursor.skipSpace()
      let start = cursor
      try cursor.skipValue()
      guard let use = uses[name] else { return }
      if let index = use.kept { carried[index] = cursor.text(from: start.position) }
      for (input, place) in use.inputs { values[input << 32 | place] = start }
    }
    for index in inputs.indices {
      for (place, column) in plan.inputs[index].enumerated() {
        guard var cursor = values[index << 32 | place] else {
          throw Failure("expected a member \(columns[column].quoted), found none")
        }
        do { try cursor.elements(into: &buffers[index]) } catch {
          throw Failure("member \(columns[column].quoted): \(error)")
        }
      }
      guard inputs[index].shape(of: buffers[index].open) != nil else {
        throw Failure(
          "member \(columns[plan.inputs[index][0]].quoted): "
            + inputs[index].misfit(buffers[index].open))
      }
      buffers[index].endRow()
    }
    for (index, text) in carried.enumerated() { kept[index].append(text ?? "null") }
  }

  private static func members(
    _ record: UnsafeBufferPointer<UInt8>, _ body: (String, inout JSONCursor) throws -> Void
  ) throws {
    var cursor = JSONCursor(record)
    try cursor.expect("{")
    if !cursor.take("}") {
      repeat {
        cursor.skipSpace()
        let name = try cursor.string()
        try cursor.expect(":")
        try body(name, &cursor)
      } while cursor.take(",")
      try cursor.expect("}")
    }
    try cursor.checkEnd()
  }
}
