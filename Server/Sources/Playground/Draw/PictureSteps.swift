import ONNX
import ONNXExplain

/// Describes the nodes of a model as steps.
struct PictureSteps {
  /// The steps in the order of the graph. The first is the picture.
  private(set) var steps: [PictureStep]
  private let constants: [String: Tensor]
  private let windows: [String: [WindowAxis]]
  private let shapes: [String: [Int]]
  /// The steps by the names of their values.
  private var places: [String: Int]

  /// - Parameters:
  ///   - graph: the nodes, named by their first outputs
  ///   - input: the name of the picture
  ///   - types: the types of all values
  ///   - constants: the values that do not depend on the picture
  ///   - windows: the windows of convolutions and pools, by the names of nodes
  init(
    _ graph: Graph, names: [String: String], input: String, types: [String: ValueType],
    constants: [String: Tensor], windows: [String: [WindowAxis]]
  ) {
    self.constants = constants
    self.windows = windows
    // Values of other types, such as shapes, are no steps.
    shapes = types.compactMapValues { type in
      guard let tensor = type.tensorType, tensor.elementType == .float32,
        let sizes = tensor.shape?.sizes, sizes.first == 1, sizes.allSatisfy({ $0 > 0 })
      else { return nil }
      let sample = Array(sizes.dropFirst())
      return sample.count == 3 ? sample : [sample.reduce(1, *)]
    }
    places = [input: 0]
    steps = [
      PictureStep(
        name: input, operatorType: "picture", output: input, shape: shapes[input] ?? [],
        inputs: [], kind: .picture)
    ]
    for node in graph.nodes {
      let inputs = node.inputs.compactMap { places[$0] }
      guard let output = node.outputs.first, let shape = shapes[output], !inputs.isEmpty else {
        continue
      }
      var step = PictureStep(
        name: names[output] ?? output, operatorType: node.operatorType, output: output,
        shape: shape, inputs: inputs)
      if node.isStandard { describe(node, &step) }
      places[output] = steps.count
      steps.append(step)
    }
  }

  private func constant(_ node: Node, _ index: Int) -> Tensor? {
    guard index < node.inputs.count, let tensor = constants[node.inputs[index]],
      tensor.elementType == .float32
    else { return nil }
    return tensor
  }

  private func numbers(_ node: Node, _ index: Int) -> [Float]? {
    constant(node, index)?.elements(as: Float.self).map { $0 }
  }

  private func describe(_ node: Node, _ step: inout PictureStep) {
    let source = steps[step.inputs[0]]
    let isFirst = node.inputs.first == source.output
    switch node.operatorType {
    case "Conv" where isFirst: convolution(node, &step)
    case "MaxPool" where isFirst: pool(node, &step, .maximum)
    case "AveragePool" where isFirst: pool(node, &step, .average)
    case "GlobalMaxPool", "GlobalAveragePool": globalPool(&step, source)
    case "Gemm" where isFirst: gemm(node, &step, source)
    case "MatMul" where isFirst: matMul(node, &step, source)
    case "Softmax":
      let last = node.integer("axis", default: -1)
      if step.shape.count == 1, last != 0 { step.kind = .softmax }
    case "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout":
      if step.count == source.count { step.kind = .reshape }
    case "BatchNormalization" where isFirst: batchNormalization(node, &step)
    case "Add", "Sub", "Mul", "Div": arithmetic(node, &step)
    default:
      if let parameters = activation(node) {
        step.kind = .activation
        step.parameters = parameters
      }
    }
  }

  private func window(_ node: Node) -> PictureStep.Window? {
    guard let axes = windows[node.name ?? ""], axes.count == 2,
      !axes.contains(where: \.isTransposed)
    else { return nil }
    return PictureStep.Window(
      kernel: axes.map(\.kernel), stride: axes.map(\.stride), dilation: axes.map(\.dilation),
      before: axes.map(\.before), after: axes.map(\.after))
  }

  private func convolution(_ node: Node, _ step: inout PictureStep) {
    guard var window = window(node), let weights = constant(node, 1), weights.shape.count == 4,
      let numbers = numbers(node, 1)
    else { return }
    let hasBias = node.inputs.count > 2 && !node.inputs[2].isEmpty
    let bias = hasBias ? self.numbers(node, 2) : nil
    if hasBias && bias?.count != step.shape[0] { return }
    window.groups = node.integer("group", default: 1)
    step.kind = .convolution
    step.window = window
    step.weights = Values(shape: weights.shape, numbers)
    step.bias = bias.map { Values(shape: [$0.count], $0) }
  }

  private func pool(_ node: Node, _ step: inout PictureStep, _ kind: PictureStep.Kind) {
    guard var window = window(node), node.outputs.dropFirst().allSatisfy(\.isEmpty) else { return }
    window.countsPadding = node.integer("count_include_pad", default: 0) != 0
    step.kind = kind
    step.window = window
  }

  private func globalPool(_ step: inout PictureStep, _ source: PictureStep) {
    guard source.shape.count == 3 else { return }
    step.kind = step.operatorType == "GlobalMaxPool" ? .maximum : .average
    step.window = PictureStep.Window(
      kernel: Array(source.shape.dropFirst()), stride: [1, 1], dilation: [1, 1], before: [0, 0],
      after: [0, 0])
  }

  private func gemm(_ node: Node, _ step: inout PictureStep, _ source: PictureStep) {
    guard node.integer("transA", default: 0) == 0 else { return }
    let (alpha, beta) = (node.float("alpha", default: 1), node.float("beta", default: 1))
    dense(
      node, &step, source, isTransposed: node.integer("transB", default: 0) != 0, scale: alpha)
    guard step.kind == .dense, node.inputs.count > 2, !node.inputs[2].isEmpty else { return }
    let units = step.count
    guard let bias = numbers(node, 2), bias.count == 1 || bias.count == units else {
      step.kind = .other
      return
    }
    step.bias = Values(
      shape: [units], (0..<units).map { beta * bias[bias.count == 1 ? 0 : $0] })
  }

  private func matMul(_ node: Node, _ step: inout PictureStep, _ source: PictureStep) {
    dense(node, &step, source, isTransposed: false, scale: 1)
  }

  /// - Parameter isTransposed: whether the matrix has a row for each unit
  private func dense(
    _ node: Node, _ step: inout PictureStep, _ source: PictureStep, isTransposed: Bool, scale: Float
  ) {
    let sizes = [step.count, source.count]
    guard let matrix = constant(node, 1), let numbers = numbers(node, 1),
      matrix.shape == (isTransposed ? sizes : sizes.reversed())
    else { return }
    let (rows, columns) = (sizes[0], sizes[1])
    step.kind = .dense
    step.weights = Values(
      shape: sizes,
      (0..<rows * columns).map { index in
        scale
          * (isTransposed ? numbers[index] : numbers[index % columns * rows + index / columns])
      })
  }

  private func batchNormalization(_ node: Node, _ step: inout PictureStep) {
    let channels = step.shape[0]
    let all = (1...4).compactMap { numbers(node, $0) }
    guard all.count == 4, all.allSatisfy({ $0.count == channels }),
      node.integer("training_mode", default: 0) == 0
    else { return }
    let epsilon = node.float("epsilon", default: 1e-5)
    let factors = (0..<channels).map { all[0][$0] / (all[3][$0] + epsilon).squareRoot() }
    affine(&step, factors, (0..<channels).map { all[1][$0] - all[2][$0] * factors[$0] })
  }

  private func affine(_ step: inout PictureStep, _ factors: [Float], _ addends: [Float]) {
    step.kind = .affine
    step.factors = Values(shape: [factors.count], factors)
    step.addends = Values(shape: [addends.count], addends)
  }

  /// Sums of two values, and arithmetic with a constant for each channel.
  private func arithmetic(_ node: Node, _ step: inout PictureStep) {
    guard node.inputs.count == 2 else { return }
    if step.inputs.count == 2 {
      let isSum =
        node.operatorType == "Add" && step.inputs.allSatisfy { steps[$0].shape == step.shape }
      if isSum { step.kind = .sum }
      return
    }
    let isSecond = constants[node.inputs[1]] != nil
    let place = isSecond ? 1 : 0
    guard let constant = constant(node, place), let numbers = numbers(node, place),
      steps[step.inputs[0]].shape == step.shape
    else { return }
    let channels = step.shape[0]
    // A number for all, or one for each channel: `[C, 1, 1]` of maps, `[N]` of units.
    let trailing = Array(constant.shape.suffix(step.shape.count))
    guard
      numbers.count == 1
        || (numbers.count == channels && trailing.first == channels
          && trailing.count == step.shape.count)
    else { return }
    let c = (0..<channels).map { numbers[numbers.count == 1 ? 0 : $0] }
    let (ones, zeros) = (c.map { _ in Float(1) }, c.map { _ in Float(0) })
    switch (node.operatorType, isSecond) {
    case ("Add", _): affine(&step, ones, c)
    case ("Sub", true): affine(&step, ones, c.map { -$0 })
    case ("Sub", false): affine(&step, ones.map { -$0 }, c)
    case ("Mul", _): affine(&step, c, zeros)
    case ("Div", true): affine(&step, c.map { 1 / $0 }, zeros)
    default: break
    }
  }

  /// The parameters of an activation that the page can compute; `nil` for other operators.
  private func activation(_ node: Node) -> [Float]? {
    switch node.operatorType {
    case "Abs", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh", "HardSwish": return []
    case "LeakyRelu": return [node.float("alpha", default: 0.01)]
    case "Elu", "ThresholdedRelu": return [node.float("alpha", default: 1)]
    case "Selu":
      return [node.float("alpha", default: 1.67326319), node.float("gamma", default: 1.05070102)]
    case "HardSigmoid":
      return [node.float("alpha", default: 0.2), node.float("beta", default: 0.5)]
    case "Clip":
      let low = numbers(node, 1)?.first ?? node.float("min", default: -.greatestFiniteMagnitude)
      let high = numbers(node, 2)?.first ?? node.float("max", default: .greatestFiniteMagnitude)
      return [low, high]
    default: return nil
    }
  }
}
