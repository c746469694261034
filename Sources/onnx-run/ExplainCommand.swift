import ArgumentParser
import ONNXExplain
import ONNXFormat
import ONNXImages
import ONNXInterpreter
import ONNXText
import ToolSupport

/// The subcommand `explain`: draws the inside of a model.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Draws filters, feature maps, gates or gradients of a model as a PNG file.",
    discussion: """
      EXAMPLES:
        onnx-run explain filters models/lenet5.onnx --output filters.png
        onnx-run explain maps models/lenet5.onnx --input models/digits/7.png --output m.png
        onnx-run explain gates models/char_lstm.onnx --prompt "To be" --output g.png
        onnx-run explain sensitivity models/char_gru.onnx --prompt Romeo --output s.png
        onnx-run explain saliency models/lenet5.onnx --input models/digits/7.png \\
          --output s.png
        onnx-run explain cam resnet.onnx --input photo.jpg --class 207 --output c.png
        onnx-run explain toeplitz models/lenet5.onnx --output t.png
      """,
    subcommands: [
      ExplainFilters.self, ExplainMaps.self, ExplainGates.self, ExplainSensitivity.self,
      ExplainSaliency.self, ExplainCAM.self, ExplainToeplitz.self,
    ])
}

/// The arguments of every picture of a model.
struct ExplainArguments: ParsableArguments {
  @Argument(help: "The ONNX file; - stands for standard input.")
  var model: String

  @Option(
    parsing: .unconditional,
    help: "The name of the node or of one of its outputs. (default: the first suitable node)")
  var node: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The PNG file to write.", valueName: "file.png"))
  var output: String

  @OptionGroup var session: SessionArguments

  func validate() throws {
    guard output.lowercased().hasSuffix(".png") else {
      throw ValidationError("--output: expected a file named .png, got '\(output)'")
    }
  }

  /// Explains the model and writes the picture, with the model's path in front of errors.
  func explain(
    _ inputs: ExplainInputArguments?, _ draw: (ExplainedModel, _ tokens: [String]) throws -> Image
  ) throws(Failure) {
    try checkKeepsInputs([output], [model] + possiblePaths(inputs?.input ?? []), unless: nil)
    let file = try readModel(model, session.reading)
    let given = try inputs.map { inputs throws(Failure) in
      try ExplainInputs(file, path: model, inputs, session)
    }
    let explained = ExplainedModel(
      file, inputs: given?.values.values ?? [:], options: session.options)
    let image: Image
    do { image = try draw(explained, given?.tokens ?? []) } catch { throw Failure(model, error) }
    given?.values.printFilled(seed: session.seed)
    do { try image.writePNG(to: output) } catch { throw Failure("\(error)") }
  }
}

/// The arguments for the inputs of the model.
struct ExplainInputArguments: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A file for an input; without NAME= for the next input. Other inputs are filled.",
      valueName: "[name=]file"))
  var input: [String] = []

  @Option(
    parsing: .unconditional,
    help: "A text for the input of tokens. The model's metadata 'vocabulary' maps it to tokens.")
  var prompt: String?

  @OptionGroup var form: InputFormArguments
}

/// The inputs of a model to explain: files, the tokens of a prompt, states of zeros, and random numbers
/// or zeros for the others.
struct ExplainInputs {
  private(set) var values: RunInputs
  /// The text of each token of the prompt.
  private(set) var tokens: [String] = []

  /// - Parameter path: the model's path, for errors
  init(
    _ model: Model, path: String, _ arguments: ExplainInputArguments,
    _ sessionArguments: SessionArguments
  ) throws(Failure) {
    let session: Session
    do { session = try Session(model, options: sessionArguments.options) } catch {
      throw Failure(path, error)
    }
    values = try RunInputs(session, requestedShapes: arguments.form.shape)
    try values.read(arguments.input, arguments.form.form)
    if let prompt = arguments.prompt { try give(prompt, model, path, session) }
    let states: [String: Tensor]
    do { states = try session.zeroStates() } catch { throw Failure(path, error) }
    for (name, tensor) in states where values.values[name] == nil {
      try values.give(name, tensor)
    }
    try values.fillMissing(seed: sessionArguments.seed, memoryLimit: session.memoryLimit)
  }

  /// Gives the prompt's tokens to the input of integers `[N, T]`, and their number to one of integers
  /// `[N]`.
  private mutating func give(
    _ prompt: String, _ model: Model, _ path: String, _ session: Session
  ) throws(Failure) {
    func isInteger(_ info: ValueInfo, rank: Int) -> Bool {
      guard let type = info.type?.tensorType else { return false }
      return [.int64, .int32].contains(type.elementType) && type.shape?.rank == rank
    }
    guard let json = model.metadataValue(Vocabulary.metadataKey) else {
      throw Failure("\(path): --prompt needs a model with the metadata 'vocabulary'")
    }
    guard let input = session.inputs.first(where: { isInteger($0, rank: 2) }) else {
      throw Failure("\(path): --prompt needs a model with an input of tokens, integers [N,T]")
    }
    do {
      let vocabulary = try Vocabulary(json: json)
      let numbers = try vocabulary.numbers(of: prompt)
      guard !numbers.isEmpty else { throw Failure("the prompt is empty") }
      tokens = numbers.map { vocabulary.tokens[Int($0)] }
      try values.give(input.name, Self.integers(numbers, [1, numbers.count], like: input))
      if let lengths = session.inputs.first(where: { isInteger($0, rank: 1) }) {
        try values.give(
          lengths.name, Self.integers([Int32(clamping: numbers.count)], [1], like: lengths))
      }
    } catch { throw Failure("--prompt", error) }
  }

  private static func integers(_ numbers: [Int32], _ shape: [Int], like info: ValueInfo) -> Tensor {
    info.type?.tensorType?.elementType == .int32
      ? Tensor(shape: shape, numbers) : Tensor(shape: shape, numbers.map { Int64($0) })
  }
}
