import ArgumentParser
import Glibc
import ONNX
import ToolSupport

/// Continues a text.
struct GenerateCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continues a text with a language model.",
    discussion: """
      The model has an input of tokens, int64 [N,T], states 'NAME' that come back as 'NAME_out', an
      output of logits [N,T,tokens], and its characters or words as a JSON array in the metadata
      'vocabulary', as models/char_lstm.onnx has. The prompt is read first, and the states go from
      step to step.

      EXAMPLES:
        onnx-run generate models/char_lstm.onnx --prompt "ROMEO:" --length 300
        onnx-run generate models/char_gru.onnx --prompt "To be" --temperature 0
      """)

  @Argument(help: "The ONNX file.")
  var model: String

  @Option(parsing: .unconditional, help: "The text to continue.")
  var prompt = ""

  @Option(parsing: .unconditional, help: "Characters or words to write.")
  var length = 300

  @Option(
    parsing: .unconditional,
    help: "0 takes the most likely token; 1 draws as the model says; more is wilder.")
  var temperature = 0.7

  @OptionGroup var arguments: SessionArguments

  func validate() throws {
    guard length >= 0 else { throw ValidationError("--length: expected at least 0, got \(length)") }
    guard temperature >= 0, temperature.isFinite else {
      throw ValidationError("--temperature: expected a number from 0 on, got \(temperature)")
    }
  }

  func perform() throws -> ExitStatus {
    let file = try readModel(model)
    do {
      let generator = try TextGenerator(file, options: arguments.options)
      try generate(generator)
    } catch { throw Failure(model, error) }
    return .fine
  }

  private func generate(_ model: TextGenerator) throws(Failure) {
    let vocabulary = model.vocabulary
    var tokens: [Int32]
    do { tokens = try vocabulary.numbers(of: prompt) } catch { throw Failure("--prompt", error) }
    if tokens.isEmpty {
      let first = vocabulary.number(of: Vocabulary.start) ?? vocabulary.number(of: "\n") ?? 0
      tokens = [Int32(clamping: first)]
    }
    var text = prompt
    var isPromptWritten = false
    var random = RandomStream(seed: arguments.seed, name: "generate")
    var states = try model.start()
    var rest = tokens[...]
    let end = vocabulary.number(of: Vocabulary.end)
    for _ in 0..<length {
      var logits: [Double] = []
      while !rest.isEmpty {
        let part = model.hasStates ? rest.prefix(256) : rest
        logits = try model.read(Array(part), &states)
        rest = rest.dropFirst(part.count)
      }
      if !isPromptWritten {
        guard write(prompt) else { return }
        isPromptWritten = true
      }
      let token = model.draw(logits, temperature: temperature, &random)
      if token == end { break }
      let piece = vocabulary.text(of: token, after: text)
      // Only the last characters decide whether a space follows.
      text = String((text + piece).suffix(4))
      guard write(piece) else { return }
      if model.hasStates {
        rest = [Int32(clamping: token)]
      } else {
        tokens = (tokens + [Int32(clamping: token)]).suffix(1024)
        rest = tokens[...]
      }
    }
    _ = write(isPromptWritten ? "\n" : prompt + "\n")
  }

  /// Writes text at once; control characters of a vocabulary must not reach a terminal.
  /// - Returns: whether anybody still reads.
  private func write(_ text: String) -> Bool {
    var plain = ""
    for scalar in text.unicodeScalars {
      plain += scalar == "\n" || scalar == "\t" ? String(Character(scalar)) : String(scalar).escaped
    }
    print(plain, terminator: "")
    return fflush(nil) == 0
  }
}
