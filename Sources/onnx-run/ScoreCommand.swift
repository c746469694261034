import ArgumentParser
import ONNXFormat
import ONNXImages
import ONNXInterpreter
import ONNXScoring
import ToolSupport

/// The subcommand `score`: runs a model on all rows of tables, or on folders of pictures.
struct ScoreCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Runs a model on the rows of tables and on folders of pictures.",
    discussion: """
      INPUT is a .parquet, .csv, .tsv, .jsonl (one JSON object a line) or .npz file, .csv and .jsonl \
      also with .gz, a picture, or a folder of pictures or of such files. A row gives each input of the model a value \
      without its first dimension: from the column of the input's name, from columns NAME_0, NAME_1, \
      …, or from those that --column names. If the model has one input and the table as many columns \
      as a row has numbers, they are taken in their order. Lists may be flat or nested.

      The results have the form of the input; those of pictures are JSON lines. They hold the columns \
      that the model does not read, then the outputs. Each part of --part-rows rows is a file, \
      NAME-00000, NAME-00001, …, which appears when it is complete. The same command again skips \
      complete parts, so a run that was stopped goes on.

      Parquet files are read and written by DuckDB: 'pip install duckdb' in .venv, or a libduckdb.so; \
      the environment variable ONNX_DUCKDB may name the library.

      EXAMPLES:
        onnx-run score model.onnx rows.parquet --output scores
        onnx-run score model.onnx data/*.csv --output scores --column x=width,height --keep id
        onnx-run score model.onnx texts.jsonl.gz --output vectors --value sentence_embedding
        onnx-run score resnet.onnx photos/ --output classes --mean 0.485,0.456,0.406 \\
          --std 0.229,0.224,0.225 --skip-bad
      """)

  @Argument(help: "The ONNX file.", completion: .file())
  var model: String

  @Argument(help: "The files and folders to score.", completion: .file())
  var input: [String]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The folder to write the results to.", valueName: "folder"),
    completion: .directory)
  var output: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The column of an input, or the columns that make its vector.",
      valueName: "input=column[,column…]"))
  var column: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The columns to carry over. (default: all that the model does not read)",
      valueName: "column[,column…]"))
  var keep: String?

  @Flag(help: "Carry no column over.")
  var onlyOutputs = false

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Write these values instead of all outputs: outputs or inner values; * stands for any "
        + "characters.", valueName: "name"))
  var value: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The rows to run at once. (default: measured on the first rows)", valueName: "rows"))
  var batch: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The most rows of a part.", valueName: "rows"))
  var partRows = 50_000

  @Flag(help: "Replace results of another model or of other options.")
  var overwrite = false

  @Flag(help: "Leave out pictures that cannot be read, with a note, instead of stopping.")
  var skipBad = false

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "The shape of an input, whose first dimension has no effect.", valueName: "name=1x3x224x224"))
  var shape: [String] = []

  @OptionGroup var normalization: NormalizationArguments

  @OptionGroup var arguments: SessionArguments

  func validate() throws {
    if let batch, !(1...1_000_000).contains(batch) {
      throw ValidationError("--batch: expected 1 to 1000000, got \(batch)")
    }
    guard (1...100_000_000).contains(partRows) else {
      throw ValidationError("--part-rows: expected 1 to 100000000, got \(partRows)")
    }
    guard !input.isEmpty else { throw ValidationError("expected a file or folder to score") }
    guard keep == nil || !onlyOutputs else {
      throw ValidationError("--keep and --only-outputs exclude each other")
    }
  }

  func perform() throws -> ExitStatus {
    let inputs = try ScoreInput.all(input, output: output)
    if normalization.isAny, !inputs.contains(where: { $0.form == .pictures }) {
      throw Failure("--mean, --scale, --std: only pictures are normalized, and no input is one")
    }
    let size = try fileSize(model)
    var weights = "in the file"
    let session = try openSession(model, arguments) { (model) throws(Failure) in
      let tensors = model.graph.initializers.map(\.tensor)
      // External data may change without the file that names it.
      if tensors.reduce(0, { $0 + $1.storage.byteCount }) > size {
        weights = checksum(of: tensors)
      }
      if !value.isEmpty {
        model.graph.expose(try model.graph.values(matching: value, option: "--value"))
      }
    }
    let rows: RowModel
    do {
      rows = try RowModel(
        session, shapes: parseShapes(shape, names: session.inputs.map(\.name)))
    } catch { throw Failure(model, error) }
    let normalization = try normalization.normalization(orStatedIn: session.metadata)
    let scorer = Scorer(rows, inputs, output: output, try options(normalization, weights)) { path in
      try Self.picture(path, rows, normalization)
    }
    let start = ContinuousClock.now
    var line = Progress(on: .standardError)
    func rate(_ rows: Int) -> String {
      "\(formattedCount(Int(Double(rows) / max((.now - start) / .seconds(1), 1e-6)))) rows/s"
    }
    var result = ScoreProgress()
    do {
      result = try scorer.run {
        line.clear()
        printError("note: \($0)".escaped)
      } progress: { state in
        line.update(
          "\(formattedCount(state.rows)) rows  \(rate(state.rows))  \(state.parts) parts done")
      }
    } catch {
      line.clear()
      throw error
    }
    line.clear()
    var text =
      "\(counted(result.rows, "row")) in \(counted(result.parts, "part")), "
      + "\(formatted((.now - start) / .seconds(1), "%.2f")) s, \(rate(result.rows)), "
      + "batch \(result.batch)"
    if result.wholeParts > 0 {
      text +=
        "; \(counted(result.wholeParts, "part")) with \(counted(result.wholeRows, "row")) "
        + (result.wholeParts == 1 ? "was there" : "were there")
    }
    if result.skipped > 0 { text += "; \(counted(result.skipped, "picture")) left out" }
    print(text)
    return .fine
  }

  /// A number of things, such as `1 part` and `2 parts`.
  private func counted(_ number: Int, _ noun: String) -> String {
    "\(formattedCount(number)) \(noun)\(number == 1 ? "" : "s")"
  }

  private func options(
    _ normalization: PictureNormalization, _ weights: String
  ) throws -> ScoreOptions {
    var options = ScoreOptions()
    for argument in column {
      guard let split = argument.firstIndex(of: "="), split > argument.startIndex,
        case let names = Self.names(argument[argument.index(after: split)...]), !names.isEmpty
      else { throw Failure("--column \(argument): expected INPUT=COLUMN[,COLUMN…]") }
      guard options.choice.columns.updateValue(names, forKey: String(argument[..<split])) == nil
      else { throw Failure("--column: \(String(argument[..<split]).quoted) is given twice") }
    }
    options.choice.kept = onlyOutputs ? [] : keep.map { Self.names($0[...]) }
    options.batch = batch
    options.partRows = partRows
    options.overwrite = overwrite
    options.skipsBad = skipBad
    options.settings = [
      "model: \(try fingerprint(ofFile: model)), weights \(weights)",
      "part rows: \(partRows)",
      "columns: \(column.sorted().joined(separator: " ").asJSON)",
      "keep: \((onlyOutputs ? "nothing" : keep.map { "only \($0)" } ?? "all").asJSON)",
      "values: \(value.joined(separator: " ").asJSON)",
      "pictures: \(normalization.mean) \(normalization.scale) \(skipBad) "
        + shape.joined(separator: " ").asJSON,
      "precision: \(arguments.precision.rawValue)\(arguments.exact ? " exact" : "")",
    ]
    return options
  }

  private static func names(_ text: Substring) -> [String] {
    text.split(separator: ",").map(String.init)
  }

  /// A picture as a row of the model's input.
  private static func picture(
    _ path: String, _ model: RowModel, _ normalization: PictureNormalization
  ) throws -> Tensor {
    let input = model.inputs[0]
    let inner = input.sizes.map(Dimension.init)
    let info = ValueInfo(
      input.name, .tensor(input.elementType, Shape(inner.count == 3 ? [1] + inner : inner)))
    let limit = min(Image.defaultPixelLimit, max(model.session.memoryLimit / 16, 1))
    let image = try Image(contentsOf: path, pixelLimit: limit)
    let tensor = try tensor(
      image, for: info, shapes: InputShapes([info], requested: [:]), normalization)
    return inner.count == 3 ? try tensor.reshaped(to: Array(tensor.shape.dropFirst())) : tensor
  }
}
