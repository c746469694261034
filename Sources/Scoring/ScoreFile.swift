import ONNXFormat
import ONNXSupport

/// The files that scoring reads, apart from Parquet files and pictures. `tools/fuzz` and the tests read
/// damaged ones by it, without a model.
public enum ScoreFile: CaseIterable, Sendable {
  /// A CSV table, a file of JSON lines, a `.npz` file, the list of parts of a folder of results.
  case csv, jsonLines, arrays, manifest

  private static let settings = ["model: 1"]

  /// Reads all of a file. The first column of a table becomes an input of each kind of elements, and
  /// the others are carried over.
  /// - Throws: a sentence on what is wrong, if no kind of input can be read
  public func read(_ path: String) throws {
    if self == .manifest {
      let bytes = try firstBytes(of: path, count: 1 << 20)
      _ = try? PartList(bytes, settings: Self.settings, overwrite: true)
      _ = try PartList(bytes, settings: Self.settings, overwrite: false)
      return
    }
    var failure: (any Error)?
    var hasRead = false
    for type in [ElementType.float32, .int64, .bool, .string] {
      do {
        try readRows(path, RowInput(name: "x", elementType: type, sizes: [nil]))
        hasRead = true
      } catch { failure = error }
    }
    if !hasRead, let failure { throw failure }
  }

  private func readRows(_ path: String, _ input: RowInput) throws {
    let reader: any TableReader =
      switch self {
      case .csv: try CSVReader(path, [input])
      case .jsonLines: try JSONLinesReader(path, [input])
      default: try ArrayReader(path, [input], memoryLimit: 1 << 28)
      }
    guard !reader.isEmpty else { return }
    var choice = ColumnChoice()
    if let first = reader.columns.first { choice.columns = ["x": [first]] }
    reader.plan = try choice.plan(reader, for: [input], outputs: ["y"]).plan
    let kept = reader.plan.kept.map { reader.columns[$0] }
    let writer: any PartWriter =
      switch self {
      case .csv: try CSVPartWriter("/dev/null", kept: kept, outputs: ["y"])
      case .jsonLines: try JSONLinesPartWriter("/dev/null", kept: kept, outputs: ["y"])
      default: ArrayPartWriter("/dev/null", kept: kept, outputs: ["y"])
      }
    for part in [1..<4, 4..<Int.max] {
      try reader.open(part)
      while let block = try reader.next(3) {
        var start = 0
        while start < block.count {
          let end = block.inputs[0].endOfEqualRows(start, block.count)
          let rows = try block.inputs[0].tensor(start..<end, padded: end - start, for: input)
          try writer.write(block.kept, start..<end, [rows])
          start = end
        }
      }
    }
    try writer.commit()
  }
}
