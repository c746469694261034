import ArgumentParser
import ONNXSupport
import ONNXText
import ToolSupport

/// The subcommand `generate`: continues a text.
struct GenerateCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continues a text with a language model.",
    discussion: """
      The model needs an input of tokens, int64 [N,T]; states, inputs NAME with outputs NAME_out; an \
      output of logits [N,T,tokens]; and its characters or words as a JSON array in the metadata \
      'vocabulary'. models/char_lstm.onnx is an example. The model reads the prompt, then writes one \
      token at a time.

      EXAMPLES:
        onnx-run generate models/char_lstm.onnx --prompt "ROMEO:" --length 300
        onnx-run generate models/char_gru.onnx --prompt "To be" --temperature 0
      """)

  @Argument(help: "The ONNX file; - stands for standard input.", completion: .file())
  var model: String

  @Option(parsing: .unconditional, help: "The text to continue.")
  var prompt = ""

  @Option(parsing: .unconditional, help: "The number of characters or words to write.")
  var length = 300

  @Option(
    parsing: .unconditional,
    help: "0 always takes the most likely token; higher values vary more.")
  var temperature = 0.7

  @OptionGroup var arguments: SessionArguments

  func validate() throws {
    guard length >= 0 else { throw ValidationError("--length: expected at least 0, got \(length)") }
    guard temperature >= 0, temperature.isFinite else {
      throw ValidationError("--temperature: expected at least 0, got \(temperature)")
    }
  }

  func perform() throws -> ExitStatus {
    let options = arguments.options
    let file = try withinTimeLimit(model, options.timeLimit) {
      [model, reading = arguments.reading] () throws(Failure) in
      try readModel(model, reading, threads: options.threads)
    }
    do { try generate(TextGenerator(file, options: options)) } catch {
      throw Failure(model, error)
    }
    return .fine
  }

  private func generate(_ generator: TextGenerator) throws {
    let vocabulary = generator.vocabulary
    let tokens: [Int32]
    do { tokens = try vocabulary.numbers(of: prompt) } catch { throw Failure("--prompt", error) }
    var random = RandomStream(seed: arguments.seed, name: "generate")
    var text = prompt
    var isPromptWritten = false
    var isRead = true
    try generator.generate(
      after: tokens, length: length, temperature: temperature, using: &random
    ) { token in
      if !isPromptWritten {
        isPromptWritten = true
        isRead = write(prompt)
      }
      guard isRead else { return false }
      let piece = vocabulary.text(of: token, after: text)
      // Only the last characters decide whether a space follows.
      text = String((text + piece).suffix(4))
      isRead = write(piece)
      return isRead
    }
    if isRead { _ = write(isPromptWritten ? "\n" : prompt + "\n") }
  }

  /// Writes text without buffering. Control characters are escaped, so that a model's vocabulary
  /// cannot control the terminal.
  /// - Returns: whether the output still has a reader
  private func write(_ text: String) -> Bool {
    var plain = ""
    for scalar in text.unicodeScalars {
      plain += scalar == "\n" || scalar == "\t" ? String(Character(scalar)) : String(scalar).escaped
    }
    print(plain, terminator: "")
    return StandardOutput.flush()
  }
}
