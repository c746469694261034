import ArgumentParser
import ONNXFormat
import ONNXInterpreter
import ONNXText
import ONNXTraining
import ToolSupport

/// The subcommand `eval`: measures a model on a data set.
struct EvalCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measures a model on a data set: accuracy, perplexity or error.",
    discussion: """
      DATA is a folder with MNIST's IDX files; a folder with a subfolder of \
      pictures or .wav files for each class; a .npz file with x and y (and test_x, test_y, \
      validation_x, validation_y); a .csv or .tsv table with the label in its last column; a folder \
      with *.pos and *.neg sentences; a file or folder of tagged words for a tagger; and a text for a \
      language model. Classes are matched by the names in the model's metadata 'classes', tokens by \
      'vocabulary'; pictures are normalized by 'image_mean' and 'image_scale'.

      A classifier gets its accuracy, top-5 accuracy, loss (cross entropy) and confusion matrix; a \
      language model its loss and perplexity; a tagger F1, precision and recall; other models the \
      mean squared and the mean absolute error, an autoencoder those of its input.

      By default, a test part of the data is used where it has one, else all of it. --part test of \
      data without one takes the examples that onnx-train with the same --seed sets aside.

      EXAMPLES:
        onnx-run eval models/lenet5.onnx mnist/
        onnx-run eval resnet.onnx photos/ --mean 0.485,0.456,0.406 \\
          --std 0.229,0.224,0.225
        onnx-run eval models/char_lstm.onnx shakespeare.txt --json
        onnx-run eval sounds.onnx recordings/ --confusion confusion.csv
      """)

  @Argument(help: "The ONNX file; - stands for standard input.", completion: .file())
  var model: String

  @Argument(help: "The file or folder of data.", completion: .file())
  var data: String

  @Option(parsing: .unconditional, help: "The part of the data. (default: test or all)")
  var part: EvalPart?

  @Option(
    parsing: .unconditional,
    help: "The output with the scores. (default: 'logits', or the first output)")
  var output: String?

  @Option(parsing: .unconditional, help: "The number of examples that run at once.")
  var batch = 100

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The height and width that pictures are converted to. (default: those of the model's input)",
      valueName: "224|HxW"))
  var size: String?

  @OptionGroup var normalization: NormalizationArguments

  @Option(
    parsing: .unconditional,
    help: "The length of sounds. (default: that of the model's input, else 1)")
  var seconds: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write the confusion matrix.", valueName: "file.csv"), completion: .file())
  var confusion: String?

  @Flag(help: "Print one JSON object instead.")
  var json = false

  @OptionGroup var arguments: SessionArguments

  func validate() throws {
    guard (1...100_000).contains(batch) else {
      throw ValidationError("--batch: expected 1 to 100000, got \(batch)")
    }
    if let seconds, !(seconds > 0 && seconds <= 1000) {
      throw ValidationError("--seconds: expected more than 0 and at most 1000, got \(seconds)")
    }
  }

  func perform() throws -> ExitStatus {
    try checkKeepsInputs([confusion], [model, data], unless: nil)
    let file = try readModel(model, arguments.reading, threads: arguments.threads)
    let session: Session
    do { session = try Session(file, options: arguments.options) } catch {
      throw Failure(model, error)
    }
    let reader = PictureReader(
      try normalization.normalization(orStatedIn: session.metadata))
    let start = ContinuousClock.now
    var choices = EvalChoices(part: part, seed: arguments.seed, seconds: seconds)
    choices.size = try size.map { try parseSize($0) }
    let source = try EvalData(data, session, choices, reader)
    if size != nil, !source.isPictures {
      throw Failure("--size is for picture files, not for \(data)")
    }
    var scores: EvalScores
    do {
      scores = try EvalRun(session, output: output, batch: batch).scores(source) {
        try TagScore(file, $0, tags: $1)
      }
    } catch { throw Failure(model, error) }
    scores.classNames = source.classNames ?? ClassNames.stated(in: session.metadata)
    let time = ContinuousClock.now - start
    if let confusion {
      guard let table = scores.table else {
        throw Failure("--confusion: the model is no classifier of 2 to 1000 classes")
      }
      try writeText(table.csv, to: confusion)
    }
    if json {
      print(scores.json(model: model, data: data, part: source.part, time))
    } else {
      print("\(model) on the \(source.part) of \(data)".escaped)
      scores.lines(columns: Terminal.standardOutput.columns).forEach { print($0) }
      if let note = reader.note { printError(note) }
      printError("time \(formatted(time / .seconds(1), "%.2f")) s")
    }
    return .fine
  }

  private func parseSize(_ text: String) throws(Failure) -> [Int] {
    let sizes = text.split(separator: "x", omittingEmptySubsequences: false).compactMap { Int($0) }
    guard (1...2).contains(sizes.count), sizes.allSatisfy({ (1...10_000).contains($0) }),
      text.split(separator: "x", omittingEmptySubsequences: false).count == sizes.count
    else { throw Failure("--size: expected 224 or 224x320, got '\(text)'") }
    return sizes.count == 1 ? sizes + sizes : sizes
  }
}

/// A part of a data set.
enum EvalPart: String, ExpressibleByArgument, CaseIterable {
  case training, validation, test, all
}

/// What decides which examples are read, and how.
struct EvalChoices {
  var part: EvalPart?
  var seed: UInt64
  var seconds: Double?
  var size: [Int]?
}
