import CDuckDB
import Glibc
import ONNXFormat
import ONNXSupport

/// Writes a part as a Parquet file through DuckDB: the outputs are collected in a table, and put beside
/// the columns of the input, which DuckDB copies from its file.
final class ParquetPartWriter: PartWriter {
  private let path: String
  private let temporary: String
  private let part: Scorer.Part
  private let outputs: [String]
  private let connection: DuckConnection
  private var appender: DuckHandle = nil
  private var types: [DuckHandle] = []
  private var ranks: [Int] = []
  private static let chunkRows = 2048

  init(
    _ folder: String, _ part: Scorer.Part, outputs: [String], _ database: DuckDB
  ) throws {
    path = "\(folder)/\(part.name)"
    // DuckDB would take a path that begins with "~" or "s3:" for another place.
    temporary = "\(try realPath(folder))/\(part.name).tmp"
    self.part = part
    self.outputs = outputs
    connection = try database.connect()
    // DuckDB would give another column a name that differs in its case only.
    var seen = Set(part.kept.map { $0.lowercased() })
    if let name = outputs.first(where: { !seen.insert($0.lowercased()).inserted }) {
      throw Failure(
        "\(path): two columns would be named \(name.quoted), but for upper and lower case; --keep names "
          + "the columns to carry over, --value the outputs")
    }
  }

  deinit {
    if appender != nil { cd_destroy_appender(&appender) }
    for index in types.indices { cd_destroy_type(&types[index]) }
    unlink(temporary)
  }

  /// Makes the table, with a column for each output: values, lists, or lists of lists.
  private func create(_ tensors: [Tensor]) throws {
    for tensor in tensors {
      var type = cd_simple_type(tensor.elementType.duckNumber)
      for _ in tensor.shape.dropFirst() {
        let list = cd_list_of(type)
        cd_destroy_type(&type)
        type = list
      }
      types.append(type)
    }
    ranks = tensors.map(\.shape.count)
    let columns = zip(outputs, tensors).map { name, tensor in
      "\(quotedName(name)) \(tensor.elementType.duckType.name)"
        + String(repeating: "[]", count: tensor.shape.count - 1)
    }
    do {
      try connection.run(
        "CREATE OR REPLACE TEMP TABLE results (\(columns.joined(separator: ", ")))")
    } catch { throw Failure("\(path): \(error)") }
    guard cd_create_appender(connection.handle, "results", &appender) else {
      throw duckFailure(cd_appender_error(appender))
    }
  }

  func write(_ kept: Kept, _ rows: Range<Int>, _ outputs: [Tensor]) throws {
    let tensors = try outputs.map { tensor in
      switch tensor.elementType {
      case .float16, .bfloat16: try converted(tensor, to: .float32)
      case .float32, .float64, .bool, .string, .int8, .int16, .int32, .int64, .uint8, .uint16,
        .uint32, .uint64:
        tensor
      default: throw Failure("\(path): a Parquet file has no \(tensor.elementType)")
      }
    }
    if types.isEmpty { try create(tensors) }
    if let index = tensors.indices.first(where: { tensors[$0].shape.count != ranks[$0] }) {
      throw Failure(
        "\(path): the output \(self.outputs[index].quoted) has rows of "
          + "\(tensors[index].shape.count - 1) dimensions and had \(ranks[index] - 1) before; a column "
          + "of a Parquet file needs as many, JSON lines do not")
    }
    for start in stride(from: 0, to: rows.count, by: Self.chunkRows) {
      let count = min(Self.chunkRows, rows.count - start)
      var chunk = cd_create_chunk(&types, UInt64(types.count))
      defer { cd_destroy_chunk(&chunk) }
      for (index, tensor) in tensors.enumerated() {
        try fill(
          cd_chunk_vector(chunk, UInt64(index)), tensor, tensor.shape.dropFirst(),
          from: start * tensor.rowSize, count: count)
      }
      cd_set_chunk_size(chunk, UInt64(count))
      guard cd_append(appender, chunk) else {
        throw Failure("\(path): \(duckFailure(cd_appender_error(appender)))")
      }
    }
  }

  /// Writes `count` values of a shape, or lists of them, to a vector.
  private func fill(
    _ vector: DuckHandle, _ tensor: Tensor, _ shape: ArraySlice<Int>, from start: Int, count: Int
  ) throws {
    if let size = shape.first {
      guard cd_list_resize(vector, UInt64(count * size)) else {
        throw Failure("\(path): not enough memory for \(count * size) list elements")
      }
      guard let entries = cd_vector_data(vector)?.assumingMemoryBound(to: UInt64.self) else {
        return
      }
      for row in 0..<count {
        entries[2 * row] = UInt64(row * size)
        entries[2 * row + 1] = UInt64(size)
      }
      return try fill(
        cd_list_child(vector), tensor, shape.dropFirst(), from: start, count: count * size)
    }
    if tensor.elementType == .string {
      let strings = tensor.elements(as: String.self)
      for row in 0..<count {
        var text = strings[start + row]
        text.withUTF8 { bytes in
          bytes.withMemoryRebound(to: CChar.self) { bytes in
            if let base = bytes.baseAddress {
              cd_set_text(vector, UInt64(row), base, UInt64(bytes.count))
            } else {
              cd_set_text(vector, UInt64(row), "", 0)
            }
          }
        }
      }
    } else if count > 0, let data = cd_vector_data(vector) {
      let size = tensor.elementType.stride
      data.copyMemory(from: tensor.storage.pointer + start * size, byteCount: count * size)
    }
  }

  func commit() throws {
    guard cd_close_appender(appender) else {
      throw Failure("\(path): \(duckFailure(cd_appender_error(appender)))")
    }
    cd_destroy_appender(&appender)
    appender = nil
    let source =
      part.kept.isEmpty
      ? "results"
      : "(SELECT \(part.kept.map(quotedName).joined(separator: ", ")) FROM \(partRows(1))) "
        + "POSITIONAL JOIN results"
    do {
      try connection.run(
        "COPY (SELECT * FROM \(source)) TO \(temporary.quoted(with: "'")) (FORMAT parquet)",
        part.kept.isEmpty
          ? []
          : [
            .text(try literalPath(part.input.path)), .integer(part.range.lowerBound),
            .integer(part.range.upperBound),
          ])
      try connection.run("DROP TABLE results")
    } catch { throw Failure("\(path): \(error)") }
    guard rename(temporary, path) == 0 else { throw systemFailure(path) }
  }
}
