import ArgumentParser
import Serving

/// What requests for text may ask for, and what is kept of them.
struct TextOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The most tokens of a prompt, and the most that a request may ask for.", valueName: "tokens"))
  var maxTokens = 16_384

  @Option(help: ArgumentHelp("The most texts whose state is kept.", valueName: "texts"))
  var maxStates = 256

  @Option(help: ArgumentHelp("The most bytes of the states of texts.", valueName: "bytes"))
  var maxStateBytes = 256 << 20

  func validate() throws {
    try check(maxTokens, in: 1...(1 << 24), "--max-tokens")
    try check(maxStates, in: 0...1_000_000, "--max-states")
    try check(maxStateBytes, in: 0...(1 << 40), "--max-state-bytes")
  }

  func set(_ options: inout ServerOptions) {
    options.maxTokens = maxTokens
    options.maxStates = maxStates
    options.maxStateBytes = maxStateBytes
  }
}
