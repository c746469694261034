import ArgumentParser
import ToolSupport

/// Draws the filters of a convolution.
struct ExplainFilters: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "filters",
    abstract: "Draws the filters of a convolution: a row for each, a tile for each input channel.",
    discussion: """
      Grey is 0, white positive, black negative. Filters of three channels are drawn in colour: red, \
      green and blue are the weights of the three channels.

      EXAMPLES:
        onnx-run explain filters models/lenet5.onnx --output filters.png
      """)

  @OptionGroup var arguments: ExplainArguments

  func perform() throws -> ExitStatus {
    try arguments.explain(nil) { model, _ in
      let filters = try model.filters(of: arguments.node)
      if !filters.isDrawnInFull {
        printError(
          "the picture shows \(filters.drawnCount) of \(filters.weights.shape[0]) filters")
      }
      return try filters.image()
    }
    return .fine
  }
}

/// Draws the feature maps of a node.
struct ExplainMaps: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "maps",
    abstract: "Draws the feature maps that a node computes from an input, a tile for each channel.",
    discussion: """
      The node can be any with an output [N,C,H,W]; the default is the first Conv. In each tile the \
      smallest number is black and the largest white; below it are the channel and these numbers.

      EXAMPLES:
        onnx-run explain maps models/lenet5.onnx --input models/digits/7.png --output m.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  func perform() throws -> ExitStatus {
    try arguments.explain(inputs) { model, _ in
      let maps = try model.featureMaps(of: arguments.node)
      if maps.drawnCount < maps.maps.shape[1] {
        printError("the picture shows \(maps.drawnCount) of \(maps.maps.shape[1]) maps")
      }
      return try maps.image()
    }
    return .fine
  }
}

/// Draws the gates of a recurrent layer.
struct ExplainGates: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "gates",
    abstract: "Draws the gates of an LSTM, GRU or RNN, a column for each step.",
    discussion: """
      Red is 1, white 0, blue -1; the cell state is cut off beyond that range. The picture shows the \
      units whose gates change most.

      EXAMPLES:
        onnx-run explain gates models/char_lstm.onnx --prompt "To be" --output g.png
        onnx-run explain gates model.onnx --node lstm2 --input x.npy --output g.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  @Option(parsing: .unconditional, help: "The number of units to draw for each gate.")
  var units = 10

  @Flag(help: "Draw the backward direction of a bidirectional layer.")
  var reverse = false

  func validate() throws {
    guard units > 0 else { throw ValidationError("--units: expected at least 1, got \(units)") }
  }

  func perform() throws -> ExitStatus {
    try arguments.explain(inputs) { model, tokens in
      try model.gates(of: arguments.node, reverse: reverse).image(units: units, tokens: tokens)
    }
    return .fine
  }
}

/// Draws the dependence of each step of the output on each step of the input.
struct ExplainSensitivity: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "sensitivity",
    abstract: "Draws how much each step of the output depends on each step of the input.",
    discussion: """
      Each row is a step of the output (one row for an output without steps), each column a step of \
      the recurrent layer's input. A cell is the norm of the gradient of the row's best score with \
      respect to that step of the input.

      EXAMPLES:
        onnx-run explain sensitivity models/char_gru.onnx --prompt Romeo --output s.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  @Flag(help: "Show powers of ten, which makes small values visible.")
  var logarithmic = false

  func perform() throws -> ExitStatus {
    try arguments.explain(inputs) { model, tokens in
      try showing("differentiating \(arguments.model.escaped)") {
        try model.sensitivity(of: arguments.node)
      }.image(tokens: tokens, isLogarithmic: logarithmic)
    }
    return .fine
  }
}

/// Draws the pixels that a class's score depends on.
struct ExplainSaliency: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "saliency",
    abstract: "Draws the pixels of a picture that a class's score depends on most.",
    discussion: """
      The result shows the picture, the saliency map (for each pixel the largest gradient of its \
      channels; Simonyan, Vedaldi and Zisserman, 2013), and the map over the picture. --node selects \
      the scores; the default is the model's first output, before its softmax.

      EXAMPLES:
        onnx-run explain saliency models/lenet5.onnx --input models/digits/7.png \\
          --output s.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  @Option(
    name: .customLong("class"),
    parsing: .unconditional,
    help: """
      The index of the class, or its name in the model's metadata 'classes'. (default: the class with \
      the best score)
      """)
  var chosenClass: String?

  func perform() throws -> ExitStatus {
    try arguments.explain(inputs) { model, _ in
      let saliency = try showing("differentiating \(arguments.model.escaped)") {
        try model.saliency(of: arguments.node, class: chosenClass)
      }
      print(
        "class \(saliency.chosen.name.escaped)  score \(formatted(Double(saliency.chosen.score)))")
      return try saliency.image()
    }
    return .fine
  }
}
