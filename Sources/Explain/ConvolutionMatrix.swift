import ONNXFormat
import ONNXImages
import ONNXInterpreter
internal import ONNXPlots
import ONNXSupport

/// The matrix by which a convolution multiplies a small map: a Toeplitz matrix for one axis, a doubly
/// block Toeplitz matrix for two.
public struct ConvolutionMatrix: Sendable {
  /// The name of the convolution.
  public let node: String
  /// The cells of the output.
  public let rows: Int
  /// The cells of the input.
  public let columns: Int
  /// The elements, row by row.
  public let values: [Float]
  /// Whether each element is a weight. The others are 0 whatever the weights are.
  public let isWeight: [Bool]
  /// The number of different weights: those of the filter.
  public let sharedCount: Int

  /// The number of weights of a fully connected layer.
  public var denseCount: Int { rows * columns }
  /// The number of weights of a locally connected layer with the same windows.
  public var localCount: Int { isWeight.count { $0 } }

  /// The matrices of a fully connected layer and a locally connected layer with random weights, and that
  /// of the convolution, side by side.
  /// - Throws: `ImageError` for a picture that is too large
  public func image() throws(ImageError) -> Image {
    let reach = values.lazy.filter(\.isFinite).map(abs).max() ?? 0
    var random = RandomStream(seed: 1)
    let noise = values.map { _ in Float(random.uniform(-1, 1)) * reach }
    let tiles = [
      tile(noise, reach) { _ in true }, tile(noise, reach) { isWeight[$0] },
      tile(values, reach) { isWeight[$0] },
    ]
    var sheet = TileSheet("\(node) as a matrix, \(columns) cells to \(rows)", tiles)
    sheet.range = .fixed(0...1)
    sheet.columns = 3
    sheet.bar = .colors(
      ColorBar(
        low: -reach, high: reach, colors: [Color(0, 0, 255), .white, Color(255, 0, 0)]))
    sheet.notes = ["grey: no weight"]
    sheet.labels = [
      "fully connected: \(denseCount) weights", "locally connected: \(localCount) weights",
      "convolution: \(sharedCount) weights",
    ]
    return try sheet.image()
  }

  /// Elements as colours: white for 0, red for positive, blue for negative, grey for no weight.
  private func tile(_ numbers: [Float], _ reach: Float, hasWeight: (Int) -> Bool) -> Tensor {
    var (red, green, blue): ([Float], [Float], [Float]) = ([], [], [])
    for (index, number) in numbers.enumerated() {
      let strength = reach > 0 ? min(abs(number) / reach, 1) : 0
      let isWeight = hasWeight(index)
      let rest = isWeight ? 1 - strength : 0.8
      red.append(isWeight && number > 0 ? 1 : rest)
      green.append(rest)
      blue.append(isWeight && number < 0 ? 1 : rest)
    }
    return Tensor(shape: [3, rows, columns], red + green + blue)
  }
}

extension ExplainedModel {
  /// The largest number of cells of a map.
  private static let cellLimit = 1024

  /// The matrix by which a filter of a convolution multiplies one channel of a small map.
  /// - Parameters:
  ///   - name: the name of a `Conv` node or of its output; `nil` for the first
  ///   - filter: the index of the filter
  ///   - channel: the index of the filter's channel
  ///   - size: the size of the map along each axis; `nil` for that of the window, and 3
  /// - Throws: `ExplainError` if there is no such node, filter or channel, its filters are not constant,
  ///   the map has no window or more than 1024 cells, or the run fails
  public func convolutionMatrix(
    of name: String? = nil, filter: Int = 0, channel: Int = 0, size: Int? = nil
  ) throws(ExplainError) -> ConvolutionMatrix {
    let node = try node(name, "convolution") { $0.operatorType == "Conv" && $0.inputs.count >= 2 }
    let weights = try constant(node.inputs[1])
    let shape = weights.shape
    let numbers = try weights.floats(node.inputs[1])
    guard shape.count > 2, let area = shape[2...].elementCount, area > 0 else {
      throw .unsuitable("expected filters [M,C,K…], found \(weights.type)")
    }
    guard (0..<shape[0]).contains(filter), (0..<shape[1]).contains(channel) else {
      throw .unsuitable(
        "expected a filter below \(shape[0]) and a channel below \(shape[1]), got \(filter) and "
          + "\(channel)")
    }
    let start = (filter * shape[1] + channel) * area
    let kernel = Array(numbers[start..<start + area])
    let input = try mapSize(node, kernel: Array(shape[2...]), size)
    let values = try product(node, kernel, Array(shape[2...]), input)
    let places = try product(
      node, [Float](repeating: 1, count: area), Array(shape[2...]), input)
    let columns = input.reduce(1, *)
    return ConvolutionMatrix(
      node: node.label, rows: values.count / columns, columns: columns, values: values,
      isWeight: places.map { $0 != 0 }, sharedCount: area)
  }

  private func mapSize(
    _ node: Node, kernel: [Int], _ size: Int?
  ) throws(ExplainError) -> [Int] {
    var dilations = kernel.map { _ in 1 }
    if case .ints(let values)? = node.attribute("dilations")?.value, values.count == kernel.count {
      dilations = values.map { Int(clamping: $0) }
    }
    var sizes: [Int] = []
    for (cells, dilation) in zip(kernel, dilations) {
      let extent = (cells - 1).multipliedReportingOverflow(by: dilation)
      guard !extent.overflow, (0...Self.cellLimit).contains(extent.partialValue) else {
        throw .unsuitable("the windows of '\(node.label)' have more than \(Self.cellLimit) cells")
      }
      sizes.append(size ?? extent.partialValue + 4)
    }
    guard let count = sizes.elementCount, (1...Self.cellLimit).contains(count) else {
      throw .unsuitable("expected a map of 1 to \(Self.cellLimit) cells, got \(Shape(sizes))")
    }
    return sizes
  }

  /// The matrix of a convolution with another kernel: its columns are the outputs for the unit vectors.
  private func product(
    _ node: Node, _ kernel: [Float], _ shape: [Int], _ input: [Int]
  ) throws(ExplainError) -> [Float] {
    let count = input.reduce(1, *)
    var copy = node
    (copy.inputs, copy.outputs) = (["x", "w"], ["y"])
    copy.attributes.removeAll { $0.name == "group" }
    var single = model
    single.functions = []
    single.graph = Graph(
      name: "convolution", nodes: [copy],
      inputs: [ValueInfo("x", .tensor(.float32, Shape([count, 1] + input)))],
      outputs: [ValueInfo("y", nil)],
      initializers: [NamedTensor("w", Tensor(shape: [1, 1] + shape, kernel))])
    var units = [Float](repeating: 0, count: count * count)
    for index in 0..<count { units[index * count + index] = 1 }
    let result: Tensor?
    do {
      result = try Session(single, options: options).run([
        "x": Tensor(shape: [count, 1] + input, units)
      ])["y"]
    } catch { throw .model(error) }
    guard let result, result.count > 0 else {
      throw .unsuitable("the map \(Shape(input)) is too small for '\(node.label)'")
    }
    let columns = try result.floats("y")
    let rows = columns.count / count
    return (0..<rows * count).map { columns[$0 % count * rows + $0 / count] }
  }
}
