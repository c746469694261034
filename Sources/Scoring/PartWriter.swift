import ONNXFormat
import ONNXSupport

/// Writes a part of the results. Its file appears under its name when it is complete.
protocol PartWriter: AnyObject {
  /// Appends rows: those of `rows` of what is kept, and all of the outputs.
  func write(_ kept: Kept, _ rows: Range<Int>, _ outputs: [Tensor]) throws
  func commit() throws
}

/// The elements of a tensor as texts of JSON or CSV.
private func texts(_ tensor: Tensor, json: Bool) throws -> [String] {
  func real<T: BinaryFloatingPoint & CustomStringConvertible>(_ value: T) -> String {
    value.isFinite || !json ? value.description : "null"
  }
  struct Visitor: IntegerVisitor {
    func visit<T: Element & FixedWidthInteger>(_ type: T.Type, _ tensor: Tensor) -> [String] {
      tensor.elements(as: T.self).map { String($0) }
    }
  }
  struct Small: SmallFloatVisitor {
    func visit<T: SmallFloat>(_ type: T.Type, _ tensor: Tensor) -> [Float] {
      tensor.elements(as: T.self).map(\.float)
    }
  }
  switch tensor.elementType {
  case .float32: return tensor.elements(as: Float.self).map { real($0) }
  case .float64: return tensor.elements(as: Double.self).map { real($0) }
  case .float16: return tensor.elements(as: Float16.self).map { real(Float($0)) }
  case .bool: return tensor.elements(as: Bool.self).map { $0 ? "true" : "false" }
  case .string: return tensor.elements(as: String.self).map { json ? $0.asJSON : $0.asCSV }
  default:
    if let result = tensor.elementType.dispatchInteger(to: Visitor(), tensor) { return result }
    if let result = tensor.elementType.dispatchSmallFloat(to: Small(), tensor) {
      return result.map { real($0) }
    }
    throw Failure("\(tensor.elementType) has no text")
  }
}

extension String {
  /// The text as a cell of a CSV table (RFC 4180).
  fileprivate var asCSV: String {
    utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
      || utf8.first == 0x20 || utf8.last == 0x20
      ? quoted(with: "\"") : self
  }
}

/// A text file that is written under a temporary name.
private struct TextOutput {
  private let file: OutputFile
  private var buffer = ""

  init(_ path: String) throws {
    file = try OutputFile(path)
    buffer.reserveCapacity(1 << 17)
  }

  mutating func add(_ text: String) throws {
    buffer += text
    if buffer.utf8.count >= 1 << 16 { try flush() }
  }

  private mutating func flush() throws {
    let bytes = Array(buffer.utf8)
    let result: Result<Void, FormatError> = bytes.withUnsafeBytes { bytes in
      Result { () throws(FormatError) in try file.write(bytes) }
    }
    try result.get()
    buffer.removeAll(keepingCapacity: true)
  }

  mutating func commit() throws {
    try flush()
    try file.commit()
  }
}

/// Writes a table with a column for each number: `NAME` for an output of one number a row, else `NAME_0`,
/// `NAME_1`, ….
final class CSVPartWriter: PartWriter {
  private let path: String
  private let keptNames: [String]
  private let outputNames: [String]
  private var output: TextOutput
  private var widths: [Int] = []

  init(_ path: String, kept: [String], outputs: [String]) throws {
    self.path = path
    keptNames = kept
    outputNames = outputs
    output = try TextOutput(path)
  }

  func write(_ kept: Kept, _ rows: Range<Int>, _ outputs: [Tensor]) throws {
    let found = outputs.map(\.rowSize)
    if widths.isEmpty {
      widths = found
      let names =
        keptNames
        + zip(outputNames, widths).flatMap { name, width in
          width == 1 ? [name] : (0..<width).map { "\(name)_\($0)" }
        }
      var seen: Set<String> = []
      if let name = names.first(where: { !seen.insert($0).inserted }) {
        throw Failure(
          "\(path): two columns would be named \(name.quoted); --keep names the columns to carry "
            + "over, --value the outputs")
      }
      try output.add(names.map(\.asCSV).joined(separator: ",") + "\n")
    }
    if let index = found.indices.first(where: { found[$0] != widths[$0] }) {
      throw Failure(
        "\(path): the output \(outputNames[index].quoted) has \(found[index]) numbers in a row and had "
          + "\(widths[index]) before; a table needs as many, JSON lines do not")
    }
    let cells = try outputs.map { try texts($0, json: false) }
    guard case .texts(let columns) = kept else { return }
    for (index, row) in rows.enumerated() {
      var line = ""
      for column in columns { line += column[row].asCSV + "," }
      for (width, cells) in zip(widths, cells) {
        for cell in cells[index * width..<(index + 1) * width] { line += cell + "," }
      }
      if !line.isEmpty { line.removeLast() }
      // Readers skip empty lines.
      try output.add(line.isEmpty ? "\"\"\n" : line + "\n")
    }
  }

  func commit() throws { try output.commit() }
}

/// Writes a JSON object for each row.
final class JSONLinesPartWriter: PartWriter {
  private let keptNames: [String]
  private let outputNames: [String]
  private var output: TextOutput

  init(_ path: String, kept: [String], outputs: [String]) throws {
    keptNames = kept.map(\.asJSON)
    outputNames = outputs.map(\.asJSON)
    output = try TextOutput(path)
  }

  func write(_ kept: Kept, _ rows: Range<Int>, _ outputs: [Tensor]) throws {
    guard case .texts(let columns) = kept else { return }
    let cells = try outputs.map { try texts($0, json: true) }
    for (index, row) in rows.enumerated() {
      var parts: [String] = []
      for (name, column) in zip(keptNames, columns) { parts.append("\(name): \(column[row])") }
      for (output, name) in outputNames.enumerated() {
        let shape = Array(outputs[output].shape.dropFirst())
        let width = shape.reduce(1, *)
        let text = Self.nested(cells[output][index * width..<(index + 1) * width], shape[...])
        parts.append("\(name): \(text)")
      }
      try output.add("{" + parts.joined(separator: ", ") + "}\n")
    }
  }

  private static func nested(_ cells: ArraySlice<String>, _ shape: ArraySlice<Int>) -> String {
    guard let size = shape.first else { return cells.first ?? "null" }
    if shape.count == 1 { return "[" + cells.joined(separator: ", ") + "]" }
    let width = size > 0 ? cells.count / size : 0
    return "["
      + (0..<size).map { index in
        let start = cells.startIndex + index * width
        return nested(cells[start..<start + width], shape.dropFirst())
      }.joined(separator: ", ") + "]"
  }

  func commit() throws { try output.commit() }
}

/// Writes arrays, which it holds until the part is complete.
final class ArrayPartWriter: PartWriter {
  private let path: String
  private let names: [String]
  private var pieces: [[Tensor]]

  init(_ path: String, kept: [String], outputs: [String]) {
    self.path = path
    names = kept + outputs
    pieces = names.map { _ in [] }
  }

  func write(_ kept: Kept, _ rows: Range<Int>, _ outputs: [Tensor]) throws {
    guard case .tensors(let arrays) = kept else { return }
    let all = try arrays.map { try $0.rows(rows) } + outputs
    for (index, tensor) in all.enumerated() {
      guard pieces[index].first.map({ $0.shape.dropFirst() == tensor.shape.dropFirst() }) ?? true
      else {
        throw Failure("\(path): rows of \(names[index].quoted) differ in shape; an array cannot")
      }
      pieces[index].append(tensor)
    }
  }

  func commit() throws {
    try NPZ.write(names, to: path) { (index) throws(FormatError) in
      let pieces = self.pieces[index]
      let rows = pieces.reduce(0) { $0 + ($1.shape.first ?? 0) }
      let shape = [rows] + (pieces.first?.shape.dropFirst() ?? [])
      let type = pieces.first?.elementType ?? .float32
      do throws(TensorError) {
        if type == .string {
          return Tensor(shape: shape, pieces.flatMap { Array($0.elements(as: String.self)) })
        }
        let result = try Tensor(uninitialized: type, shape: shape)
        var position = 0
        for piece in pieces {
          (result.storage.pointer + position).copyMemory(
            from: piece.storage.pointer, byteCount: piece.storage.byteCount)
          position += piece.storage.byteCount
        }
        return result
      } catch { throw FormatError(.invalid(error.description)) }
    }
  }
}
