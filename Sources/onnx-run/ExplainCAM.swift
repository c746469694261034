import ArgumentParser
import ONNXExplain
import ONNXFormat
import ToolSupport

/// Draws the regions of a picture that speak for a class.
struct ExplainCAM: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "cam",
    abstract: "Draws the regions of a picture that speak for a class.",
    discussion: """
      For a model with global average pooling before its last linear layers this is the class \
      activation map (CAM; Zhou and others, 2016), for others, or with --layer, Grad-CAM (Selvaraju \
      and others, 2017). The result has a row for each class: the picture, the map, and the map over \
      the picture. A model of sounds shows its spectrum, the lowest band at the bottom. The largest number of each \
      map is white. --node selects the \
      scores; the default is the model's first output, before its softmax.

      EXAMPLES:
        onnx-run explain cam resnet.onnx --input photo.jpg --output c.png
        onnx-run explain cam resnet.onnx --input photo.jpg --class cat --class dog \\
          --output c.png --output-values maps.npy
        onnx-run explain cam models/lenet5.onnx --input models/digits/7.png --output c.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  @Option(
    name: .customLong("class"), parsing: .unconditionalSingleValue,
    help: """
      The index of a class, or its name in the model's metadata 'classes'. (default: the class with \
      the best score)
      """)
  var classes: [String] = []

  @Option(
    parsing: .unconditional,
    help: "The node with the maps of Grad-CAM. (default: the last maps of more than one pixel)")
  var layer: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The file to write the maps to, float32 [classes,H,W].", valueName: "file.npy"))
  var outputValues: String?

  func perform() throws -> ExitStatus {
    try checkKeepsInputs([outputValues, arguments.output], [arguments.model], unless: nil)
    try arguments.explain(inputs) { model, _ in
      let found = try showing("differentiating \(arguments.model.escaped)") {
        try model.classActivation(of: classes, output: arguments.node, layer: layer)
      }
      if let outputValues { try found.maps.writeNPY(to: outputValues) }
      for entry in found.entries {
        print(
          "\(found.method.rawValue) of \(found.layer.quoted) [\(found.rows),\(found.columns)]  "
            + "class \(entry.name.escaped)  score \(formatted(Double(entry.score)))")
      }
      return try found.image()
    }
    return .fine
  }
}
