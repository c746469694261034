import ArgumentParser
import ONNX
import ONNXImages
import ToolSupport

/// Draws which pixels of a picture a class's score depends on.
struct ExplainSaliency: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "saliency",
    abstract: "The pixels of a picture that a class's score depends on most.",
    discussion: """
      Drawn are the picture, for each pixel the largest gradient of its channels (Simonyan, Vedaldi,
      Zisserman, 2013), and both. --node names the value to ask for, where that is not the first
      output.

      EXAMPLES:
        onnx-run explain saliency models/lenet5.onnx --input models/digits/7.png --output s.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  @Option(name: .customLong("class"), help: "The class's number. (default: that of the best score)")
  var classNumber: Int?

  func perform() throws -> ExitStatus {
    var model = try ExplainedModel(arguments)
    _ = try model.read(inputs)
    let input = model.model.graph.inputs.first { info in
      guard let tensor = model.values[info.name]?.tensor else { return false }
      return tensor.shape.count == 4 && tensor.elementType == .float32 && tensor.count > 0
    }
    guard let input, let picture = model.values[input.name]?.tensor else {
      throw Failure("\(arguments.model): the model has no input of pictures, float32[N,C,H,W]")
    }
    let name: String
    if let wanted = arguments.node {
      let node = try model.node(wanted, "node") { _ in true }
      name = node.outputs.first { !$0.isEmpty } ?? ""
    } else {
      name = try model.scores()
    }
    guard let scores = try model.tensors([name])[name], scores.count > 0 else {
      throw Failure("\(arguments.model): '\(name)' has no scores")
    }
    let classes = scores.shape.dropFirst().reduce(1, *)
    var chosen = try ExplainSensitivity.best(scores, name, steps: -1)[0]
    if let classNumber {
      guard (0..<classes).contains(classNumber) else {
        throw Failure("--class: expected 0 to \(classes - 1), got \(classNumber)")
      }
      chosen = classNumber
    }
    let gradient = try model.gradient(of: name, by: input.name)(scores.unit(at: chosen))
    guard gradient.shape == picture.shape else {
      throw Failure("\(arguments.model): the gradient \(gradient) is not as the picture \(picture)")
    }
    let tiles = try Self.tiles(picture, gradient.floats(input.name))
    var sheet = TileSheet("saliency of class \(chosen)", tiles)
    sheet.labels = ["picture", "gradient", "both"]
    sheet.range = .fixed(0...1)
    sheet.columns = 3
    try sheet.image().savePNG(to: arguments.output)
    return .fine
  }

  /// The picture, the gradient and both, float32 `[3, H, W]` from 0 to 1.
  private static func tiles(_ picture: Tensor, _ gradient: [Float]) throws(Failure) -> [Tensor] {
    let (channels, height, width) = (picture.shape[1], picture.shape[2], picture.shape[3])
    let plane = height * width
    let samples = try picture.floats("picture").prefix(channels * plane)
    let finite = samples.filter(\.isFinite)
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    func level(_ channel: Int, _ pixel: Int) -> Float {
      (samples[(channels == 3 ? channel : 0) * plane + pixel] - low) / max(high - low, 1e-12)
    }
    var strengths = [Float](repeating: 0, count: plane)
    for channel in 0..<channels {
      for pixel in 0..<plane {
        strengths[pixel] = max(strengths[pixel], abs(gradient[channel * plane + pixel]))
      }
    }
    let largest = max(strengths.max() ?? 1, 1e-30)
    let shape = [3, height, width]
    var (plain, heat, both): ([Float], [Float], [Float]) = ([], [], [])
    for channel in 0..<3 {
      for pixel in 0..<plane {
        let strength = strengths[pixel] / largest
        // Black, red, yellow, white.
        let glow = min(max(3 * strength - Float(channel), 0), 1)
        let sample = level(channel, pixel)
        plain.append(sample)
        heat.append(glow)
        both.append((1 - strength) * 0.6 * sample + strength * (channel == 0 ? 1 : 0.15))
      }
    }
    return [plain, heat, both].map { Tensor(shape: shape, $0) }
  }
}
