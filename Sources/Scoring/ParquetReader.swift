import CDuckDB
import ONNXFormat
import ONNXSupport

/// Reads a Parquet file through DuckDB: a streaming query for each part, whose columns have the types of
/// the model's inputs and are read where DuckDB has them.
final class ParquetReader: TableReader {
  let columns: [String]
  var plan = ColumnPlan()
  private(set) var position = 0
  private let path: String
  private let literal: String
  private let inputs: [RowInput]
  private let types: [DuckType]
  private let connection: DuckConnection
  private var result: DuckResult?
  private var part = 0..<0

  init(_ path: String, _ inputs: [RowInput], _ database: DuckDB) throws {
    self.path = path
    self.inputs = inputs
    literal = try literalPath(path)
    connection = try database.connect()
    do {
      let columns = try connection.run(
        "SELECT * FROM read_parquet($1) LIMIT 0", [.text(literal)]
      ).columns
      self.columns = columns.map(\.name)
      types = columns.map(\.type)
    } catch { throw Failure("\(path): \(error)") }
  }

  var allowsUnnamed: Bool { true }

  func open(_ part: Range<Int>) throws {
    self.part = part
    position = part.lowerBound
    let values = try zip(inputs, plan.inputs).map { try expression($0, $1) }
    result = nil
    do {
      result = try connection.run(
        "SELECT \(values.joined(separator: ", ")) FROM \(partRows(1))",
        [.text(literal), .integer(part.lowerBound), .integer(part.upperBound)], streams: true)
    } catch { throw Failure("\(path): \(error)") }
  }

  /// The values of an input in SQL: one value, or a list.
  private func expression(_ input: RowInput, _ columns: [Int]) throws -> String {
    let type = input.elementType.duckType
    for column in columns {
      guard type.takes.contains(types[column].id) else {
        throw Failure(
          "\(path): the column \(self.columns[column].quoted) holds no \(input.elementType), which the "
            + "input \(input.name.quoted) is")
      }
      guard columns.count == 1 || types[column].depth == 0 else {
        throw Failure(
          "\(path): the column \(self.columns[column].quoted) holds lists; a vector of several columns "
            + "takes one number of each")
      }
    }
    let names = columns.map { quotedName(self.columns[$0]) }
    guard names.count == 1, let name = names.first else {
      return "[\(names.map { "CAST(\($0) AS \(type.name))" }.joined(separator: ", "))]"
    }
    let depth = types[columns[0]].depth
    let flat = (0..<max(depth - 1, 0)).reduce(name) { text, _ in "flatten(\(text))" }
    return "CAST(\(flat) AS \(type.name)\(depth > 0 ? "[]" : ""))"
  }

  func next(_ limit: Int) throws -> Block? {
    let chunk: DuckChunk?
    do { chunk = try result?.next() } catch {
      let problem = "\(error)"
      throw Failure(problem.contains(path) ? problem : "\(path): \(problem)")
    }
    guard let chunk, chunk.count > 0 else {
      result = nil
      return nil
    }
    defer { position += chunk.count }
    let values = try inputs.indices.map { try self.values(chunk, $0) }
    return Block(count: chunk.count, inputs: values)
  }

  private func values(_ chunk: DuckChunk, _ index: Int) throws -> RowValues {
    let input = inputs[index]
    let column = plan.inputs[index][0]
    func place(_ row: Int) -> String {
      "\(path): row \(position + row + 1), column \(columns[column].quoted)"
    }
    func checkValid(_ vector: DuckHandle, _ range: Range<Int>, row: Int) throws {
      guard let valid = cd_vector_validity(vector) else { return }
      for element in range where valid[element >> 6] >> UInt64(element & 63) & 1 == 0 {
        throw Failure(
          "\(place(row >= 0 ? row : element)): expected \(input.elementType), found NULL")
      }
    }
    let vector = cd_chunk_vector(chunk.handle, UInt64(index))
    try checkValid(vector, 0..<chunk.count, row: -1)
    let isList = plan.inputs[index].count > 1 || types[column].depth > 0
    guard isList else {
      guard input.shape(of: 1) != nil else {
        throw Failure(
          "\(place(0)): one value does not make the input \(input.name.quoted), \(input.description)"
        )
      }
      return try RowValues(
        storage: input.elementType == .string
          ? .strings(texts(vector, 0..<chunk.count)) : .memory(data(vector), owner: chunk),
        layout: .uniform(1), elementType: input.elementType.duckType.memory)
    }
    let entries = try data(vector).assumingMemoryBound(to: UInt64.self)
    var (starts, counts) = ([Int](), [Int]())
    var strings: [String] = []
    let child = cd_list_child(vector)
    for row in 0..<chunk.count {
      let (start, count) = (Int(entries[2 * row]), Int(entries[2 * row + 1]))
      guard input.shape(of: count) != nil else {
        throw Failure("\(place(row)): \(input.misfit(count))")
      }
      try checkValid(child, start..<start + count, row: row)
      counts.append(count)
      guard input.elementType == .string else {
        starts.append(start)
        continue
      }
      // Elements of no list, such as those of rows before the part, may be nothing that can be read.
      starts.append(strings.count)
      strings += try texts(child, start..<start + count)
    }
    return try RowValues(
      storage: input.elementType == .string
        ? .strings(strings) : .memory(data(child), owner: chunk),
      layout: .lists(starts: starts, counts: counts),
      elementType: input.elementType.duckType.memory)
  }

  private func data(_ vector: DuckHandle) throws(Failure) -> UnsafeRawPointer {
    guard let data = cd_vector_data(vector) else { throw Failure("\(path): DuckDB has no data") }
    return UnsafeRawPointer(data)
  }

  private func texts(_ vector: DuckHandle, _ range: Range<Int>) throws(Failure) -> [String] {
    let data = try data(vector)
    // A text of up to 12 bytes is in its element of 16 bytes, of another the last 8 point to it.
    return range.map { index in
      let element = data + 16 * index
      let length = Int(element.load(as: UInt32.self))
      let start =
        length <= 12 ? element + 4 : element.load(fromByteOffset: 8, as: UnsafeRawPointer.self)
      return String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
    }
  }
}

/// The rows of a part in SQL, with the parameters path, first row and end from a number on.
func partRows(_ first: Int) -> String {
  "read_parquet($\(first), file_row_number = true) WHERE file_row_number >= $\(first + 1) "
    + "AND file_row_number < $\(first + 2)"
}

extension ElementType {
  /// DuckDB's name of the type, the numbers of the types that are converted to it, and the type that it
  /// has in memory.
  var duckType: (name: String, takes: Set<UInt32>, memory: ElementType) {
    let integers = Set((2...9).map { UInt32($0) } + [16])
    let numbers = integers.union([10, 11, 19])
    return switch self {
    case .float32, .float16, .bfloat16: ("FLOAT", numbers, .float32)
    case .float64: ("DOUBLE", numbers, .float64)
    case .int8: ("TINYINT", integers, .int8)
    case .int16: ("SMALLINT", integers, .int16)
    case .int32: ("INTEGER", integers, .int32)
    case .int64: ("BIGINT", integers, .int64)
    case .uint8: ("UTINYINT", integers, .uint8)
    case .uint16: ("USMALLINT", integers, .uint16)
    case .uint32: ("UINTEGER", integers, .uint32)
    case .uint64: ("UBIGINT", integers, .uint64)
    case .bool: ("BOOLEAN", [1], .bool)
    default: ("VARCHAR", [17], .string)
    }
  }

  /// The number of DuckDB's type for elements in memory.
  var duckNumber: UInt32 {
    switch self {
    case .bool: 1
    case .int8: 2
    case .int16: 3
    case .int32: 4
    case .int64: 5
    case .uint8: 6
    case .uint16: 7
    case .uint32: 8
    case .uint64: 9
    case .float64: 11
    case .string: 17
    default: 10
    }
  }
}
