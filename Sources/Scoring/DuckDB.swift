import CDuckDB
import Glibc
import ONNXSupport
import Synchronization

/// A DuckDB database in memory, which reads and writes Parquet files. It uses one thread, loads no
/// extensions and opens no other files than those of its queries.
///
/// `@unchecked Sendable`: connections to a database may be used on several threads.
final class DuckDB: @unchecked Sendable {
  private var database: DuckHandle = nil

  /// - Throws: `Failure` if the library is not there
  init() throws(Failure) {
    if let problem = cd_load() {
      throw Failure(
        "Parquet files need DuckDB's library: 'pip install duckdb' in .venv, or ONNX_DUCKDB=PATH of its "
          + "library (\(String(cString: problem)))")
    }
    let settings = [
      ("threads", "1"), ("memory_limit", "1GB"), ("temp_directory", ""),
      ("autoinstall_known_extensions", "false"), ("autoload_known_extensions", "false"),
      ("preserve_insertion_order", "true"),
    ]
    var texts: [UnsafeMutablePointer<CChar>?] = []
    for (name, value) in settings { texts += [strdup(name), strdup(value)] }
    defer { for text in texts { free(text) } }
    let list: [UnsafePointer<CChar>?] = texts.map { UnsafePointer($0) } + [nil]
    if let problem = cd_open(&database, list) {
      throw Failure("DuckDB: \(String(cString: problem))")
    }
  }

  deinit { if database != nil { cd_close(&database) } }

  /// A connection for one thread.
  func connect() throws(Failure) -> DuckConnection {
    var connection: DuckHandle = nil
    guard cd_connect(database, &connection) else { throw Failure("DuckDB: no connection") }
    return DuckConnection(self, connection)
  }
}

/// A database that is opened when a Parquet file first needs it.
final class LazyDuckDB: Sendable {
  private let database = Mutex<DuckDB?>(nil)

  func opened() throws -> DuckDB {
    try database.withLock { database in
      if let database { return database }
      let new = try DuckDB()
      database = new
      return new
    }
  }
}

/// What a C function of DuckDB hands out; `nil` for nothing.
typealias DuckHandle = cd_handle?

/// A value of a query's parameter.
enum DuckValue {
  case text(String)
  case integer(Int)
}

/// A connection, for one thread at a time.
final class DuckConnection {
  private let database: DuckDB
  private(set) var handle: DuckHandle

  init(_ database: DuckDB, _ handle: DuckHandle) {
    self.database = database
    self.handle = handle
  }

  deinit { cd_disconnect(&handle) }

  /// Runs a statement. Its result is computed as it is read.
  /// - Throws: `Failure` with DuckDB's message
  @discardableResult
  func run(_ sql: String, _ values: [DuckValue] = [], streams: Bool = false) throws(Failure)
    -> DuckResult
  {
    var statement: DuckHandle = nil
    defer { cd_destroy_statement(&statement) }
    guard cd_prepare(handle, sql, &statement) else {
      throw duckFailure(cd_prepare_error(statement))
    }
    for (index, value) in values.enumerated() {
      let isBound =
        switch value {
        case .text(let text): cd_bind_text(statement, UInt64(index + 1), text)
        case .integer(let number): cd_bind_integer(statement, UInt64(index + 1), Int64(number))
        }
      guard isBound else { throw Failure("DuckDB: parameter \(index + 1) cannot be set") }
    }
    let result = DuckResult(self)
    guard cd_execute(statement, streams, &result.handle) else {
      throw duckFailure(cd_error(&result.handle))
    }
    return result
  }
}

/// DuckDB's message in one line, without the hints that follow it.
func duckFailure(_ message: UnsafePointer<CChar>?) -> Failure {
  guard let message else { return Failure("DuckDB failed without a message") }
  let text = String(cString: message)
  guard let line = text.split(separator: "\n").first else {
    return Failure("DuckDB failed without a message")
  }
  return Failure(
    line.hasPrefix("Out of Memory")
      ? "\(line); row groups and --part-rows of fewer rows take less" : String(line))
}

/// The rows of a query.
final class DuckResult {
  fileprivate(set) var handle = cd_result()
  private let connection: DuckConnection

  fileprivate init(_ connection: DuckConnection) { self.connection = connection }

  deinit { cd_destroy_result(&handle) }

  /// The names and types of the columns.
  var columns: [(name: String, type: DuckType)] {
    (0..<cd_column_count(&handle)).map { index in
      var type = cd_column_type(&handle, index)
      defer { cd_destroy_type(&type) }
      return (cd_column_name(&handle, index).map { String(cString: $0) } ?? "", DuckType(type))
    }
  }

  /// The next rows; `nil` at the end.
  /// - Throws: `Failure` with DuckDB's message
  func next() throws(Failure) -> DuckChunk? {
    guard let chunk = cd_fetch(&handle) else {
      if let message = cd_error(&handle), message.pointee != 0 { throw duckFailure(message) }
      return nil
    }
    return DuckChunk(chunk)
  }
}

/// The type of a column: elements, in so many lists of lists.
struct DuckType {
  let id: UInt32
  let depth: Int

  init(_ type: DuckHandle) {
    var (current, depth) = (type, 0)
    while let child = cd_child_type(current) {
      if depth > 0 { cd_destroy_type(&current) }
      (current, depth) = (child, depth + 1)
    }
    id = cd_type_id(current)
    if depth > 0 { cd_destroy_type(&current) }
    self.depth = depth
  }
}

/// Some rows of a result. Their memory lasts as long as this.
final class DuckChunk {
  private(set) var handle: DuckHandle
  init(_ handle: DuckHandle) { self.handle = handle }
  deinit { cd_destroy_chunk(&handle) }
  var count: Int { Int(cd_chunk_size(handle)) }
}

/// A name in a query.
func quotedName(_ name: String) -> String { name.quoted(with: "\"") }

extension String {
  /// The text between quotes, which are doubled in it. A quote before a combining mark is one as well.
  func quoted(with quote: Unicode.Scalar) -> String {
    var text = String.UnicodeScalarView([quote])
    for scalar in unicodeScalars {
      if scalar == quote { text.append(quote) }
      text.append(scalar)
    }
    text.append(quote)
    return String(text)
  }
}

/// A path as `read_parquet` takes it for itself: absolute, and with the characters of patterns in
/// brackets.
func literalPath(_ path: String) throws(Failure) -> String {
  var text = ""
  for scalar in try realPath(path).unicodeScalars {
    if "*?[".unicodeScalars.contains(scalar) {
      text += "[\(scalar)]"
    } else {
      text.unicodeScalars.append(scalar)
    }
  }
  return text
}

/// The absolute path without links.
func realPath(_ path: String) throws(Failure) -> String {
  guard let real = realpath(path, nil) else { throw systemFailure(path) }
  defer { free(real) }
  return String(cString: real)
}
