import ONNXFormat
import ONNXSupport

/// The columns of a table by what becomes of them.
struct ColumnPlan: Sendable {
  /// For each input of the model, the columns that make it.
  var inputs: [[Int]] = []
  /// The columns that are carried over.
  var kept: [Int] = []
}

/// Reads the rows of a file.
protocol TableReader: AnyObject {
  /// The names of the columns.
  var columns: [String] { get }
  /// Whether columns that no name asks for may become the input of a model with one.
  var allowsUnnamed: Bool { get }
  /// Whether the file has neither names of columns nor rows.
  var isEmpty: Bool { get }
  /// How columns are used.
  var plan: ColumnPlan { get set }
  /// The number of rows of the file that are read or skipped.
  var position: Int { get }
  /// Goes to the first row of a part, which is not before `position`.
  func open(_ part: Range<Int>) throws
  /// The next rows of the part, at most `limit`; `nil` at its end.
  func next(_ limit: Int) throws -> Block?
}

extension TableReader {
  var isEmpty: Bool { false }
}

/// Bytes of rows that a reader puts in one block before it ends it.
let blockBytes = 16 << 20

/// The columns of a table that the user named.
package struct ColumnChoice: Sendable {
  /// The columns of inputs, by the inputs' names.
  package var columns: [String: [String]] = [:]
  /// The columns to carry over; `nil` for all that the model does not read.
  package var kept: [String]?

  package init() {}

  /// Which columns make the inputs, and which are carried over.
  /// - Returns: a plan, and a text that says what was chosen without being named
  /// - Throws: `Failure` for an input without columns, or a column that is not there
  func plan(
    _ reader: any TableReader, for inputs: [RowInput], outputs: [String]
  ) throws(Failure) -> (plan: ColumnPlan, note: String?) {
    let names = reader.columns
    var numbers: [String: Int] = [:]
    for (index, name) in names.enumerated() {
      guard numbers.updateValue(index, forKey: name) == nil else {
        throw Failure("two columns are named \(name.quoted)")
      }
    }
    func number(_ name: String, _ option: String) throws(Failure) -> Int {
      guard let number = numbers[name] else {
        throw Failure("\(option): there is no column \(name.quoted); \(Self.list(names))")
      }
      return number
    }
    if let stranger = columns.keys.sorted().first(where: { name in
      !inputs.contains { $0.name == name }
    }) {
      throw Failure(
        "--column: the model has no input \(stranger.quoted); its inputs are "
          + inputs.map(\.name.quoted).joined(separator: ", "))
    }
    var plan = ColumnPlan()
    var notes: [String] = []
    for name in kept ?? [] {
      let column = try number(name, "--keep")
      guard !plan.kept.contains(column) else {
        throw Failure("--keep: \(name.quoted) is given twice")
      }
      plan.kept.append(column)
    }
    for input in inputs {
      if let chosen = columns[input.name] {
        var found: [Int] = []
        for name in chosen { found.append(try number(name, "--column")) }
        plan.inputs.append(found)
      } else if let found = numbers[input.name] {
        plan.inputs.append([found])
      } else if let count = input.count, numbers["\(input.name)_0"] != nil,
        case let found = (0..<count).compactMap({ numbers["\(input.name)_\($0)"] }),
        found.count == count
      {
        plan.inputs.append(found)
        notes.append("\(input.name) from \(input.name)_0 to \(input.name)_\(count - 1)")
      } else if case let rest = names.indices.filter({ !plan.kept.contains($0) }),
        inputs.count == 1, reader.allowsUnnamed, rest.count == 1 || rest.count == input.count
      {
        plan.inputs.append(rest)
        notes.append(
          "\(input.name) from "
            + (rest.count == 1
              ? "the column \(names[rest[0]].quoted)" : "the \(rest.count) columns in their order"))
      } else {
        throw Failure(
          "no column is named \(input.name.quoted), as the model's input \(input.description) is; "
            + "\(Self.list(names)); --column \(input.name)=COLUMN[,COLUMN…] names its columns"
            + (inputs.count == 1 && names.count > input.count ?? .max && reader.allowsUnnamed
              ? ", or --keep the columns that are not among them" : ""))
      }
    }
    let used = Set(plan.inputs.joined())
    if kept == nil { plan.kept = names.indices.filter { !used.contains($0) } }
    if let clash = plan.kept.first(where: { outputs.contains(names[$0]) }) {
      throw Failure(
        "the column \(names[clash].quoted) has the name of an output of the model; --keep names the "
          + "columns to carry over")
    }
    return (plan, notes.isEmpty ? nil : notes.joined(separator: "; "))
  }

  private static func list(_ names: [String]) -> String {
    names.isEmpty
      ? "the table has no columns"
      : "the columns are \(names.prefix(8).map(\.quoted).joined(separator: ", "))"
        + (names.count > 8 ? ", … (\(names.count))" : "")
  }
}
