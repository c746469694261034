import ONNXFormat
import ONNXOperators

/// The input with elements added before and after it along some axes, or removed where the number is
/// negative. The mode selects a constant, reflection, repetition of the edge, or wrapping.
struct Pad: DifferentiableOperator {
  static let schema = Schema(
    "Pad",
    [
      11: [.floats, .integers], 13: .any13, 18: .any13, 19: .any13, 21: .any21, 23: .any23,
      24: .any24, 25: .any25,
    ], inputs: 2...4)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] {
    // Other modes copy elements of the input.
    guard case .string(let mode)? = node.attribute("mode")?.value else { return [] }
    return mode.bytes == Array("constant".utf8) ? [] : [0]
  }
  let mode: Padding.Mode

  init(_ node: inout NodeReader) throws(OperatorError) {
    mode = try Padding.Mode(&node)
    if node.version < 18, node.inputCount > 3 { throw .invalid("expected at most 3 inputs") }
  }

  var shapeInputs: [Int] { [1, 3] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if inputs.has(2) { _ = try inputs.tensor(2, sameTypeAs: 0) }
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    guard let padding = try padding(inputs, rank: shape.rank) else {
      return [.tensor(data.elementType, Shape(rank: shape.rank))]
    }
    return [.tensor(data.elementType, try padding.apply(to: shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let padding = try padding(call.inputs, rank: call.inputSizes(0).count) else {
      throw .input(1, "the contents are not known")
    }
    guard call.inputs.has(2) else { return try padding.kernel(call, fill: .zero) }
    guard try call.inputCount(2) == 1 else { throw .input(2, "expected one element") }
    return try padding.kernel(call, fill: .input(2))
  }

  private func padding(_ inputs: Inputs, rank: Int) throws(OperatorError) -> Padding? {
    guard let pads = try inputs.integers(1) else { return nil }
    guard inputs.has(3) else { return try Padding(pads, axes: nil, rank: rank, mode) }
    guard let axes = try inputs.integers(3) else { return nil }
    return try Padding(pads, axes: axes, rank: rank, mode)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try backward.removePadding(mode, pads: backward.input(1), axes: backward.input(3))
  }
}

/// `Pad` with attributes. Operator set 1 called them `paddings`.
struct Pad1: DifferentiableOperator {
  static let schema = Schema("Pad", [1: .floats, 2: .floats], inputs: 1...1)
  static var widening: Widening { .exact }
  let mode: Padding.Mode
  let pads: [Int]
  let value: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    mode = try Padding.Mode(&node)
    pads = try node.ints(node.version == 1 ? "paddings" : "pads")
    value = try node.float("value", default: 0)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0, .floats)
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    let padding = try Padding(pads, axes: nil, rank: shape.rank, mode)
    return [.tensor(data.elementType, try padding.apply(to: shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let padding = try Padding(pads, axes: nil, rank: try call.inputSizes(0).count, mode)
    let fill =
      switch try call.elementType(0) {
      case .float16: Tensor(Float16(value))
      case .float64: Tensor(Double(value))
      default: Tensor(value)
      }
    return try padding.kernel(call, fill: .tensor(fill))
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try backward.removePadding(mode, pads: backward.builder.integers(pads), axes: "")
  }
}

extension Pad {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        2,
        up: { change throws(OperatorError) in change.rename("paddings", to: "pads") },
        down: { change throws(OperatorError) in change.rename("pads", to: "paddings") }),
      VersionStep(
        11,
        up: { change throws(OperatorError) in
          try change.integersToInput("pads", 1)
          if let value = try change.float("value"), value != 0 {
            let type = try change.elementType(0)
            change.setInput(2, try change.scalar(Double(value), type, "value"))
          }
          change.drop("value")
        },
        down: { change throws(OperatorError) in
          if change.has(2) {
            guard let value = try change.floats(2).first else { throw .input(2, "is empty") }
            change.set(.float("value", value))
            change.setInput(2, "")
          }
          try change.integersToAttribute("pads", 1)
        }),
      VersionStep(
        18,
        down: { change throws(OperatorError) in
          guard change.has(3) else { return }
          let rank = try change.rank(0)
          let axes = try normalized(axes: try change.integers(3), rank: rank)
          let pads = try change.integers(1)
          guard pads.count == 2 * axes.count else {
            throw .input(
              1, "expected \(2 * axes.count) pads for \(axes.count) axes, got \(pads.count)")
          }
          var all = Array(repeating: 0, count: 2 * rank)
          for (index, axis) in axes.enumerated() {
            all[axis] = pads[index]
            all[axis + rank] = pads[index + axes.count]
          }
          change.setInput(3, "")
          change.setInput(1, change.integers(all, "pads"))
        }),
      VersionStep(
        19,
        down: { change throws(OperatorError) in
          if try change.string("mode") == "wrap" {
            throw .attribute("mode", "that version does not support 'wrap'")
          }
        }),
    ]
  }
}

extension Pad {
  /// Zeros are zero points.
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    var inputs = site.node.inputs
    guard mode == .constant, let x = site.byteInput(0), let y = site.byteResult,
      x.hasParameters(of: y)
    else { return nil }
    if inputs.count > 2, !inputs[2].isEmpty {
      guard let fill = site.constant(inputs[2]), fill.elementType == .float32,
        fill.elements(as: Float.self).allSatisfy({ $0 == 0 })
      else { return nil }
    }
    inputs[0] = x.codes
    while inputs.count < 3 { inputs.append("") }
    inputs[2] = builder.zeroPoint(of: x)
    return .codes(builder.node("Pad", inputs, site.node.attributes))
  }
}

extension Pad {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard let axis = site.axis(), site.onlyFirstHasSteps,
      let padding = try padding(site.inputs, rank: site.sizes().count)
    else { return .wholeSequence }
    let others = site.sizes().indices.filter {
      $0 != axis && (padding.before[$0] != 0 || padding.after[$0] != 0)
    }
    if padding.before[axis] == 0, padding.after[axis] == 0 { return .sameStep }
    guard mode == .constant, others.isEmpty, padding.before[axis] >= 0,
      let fill = site.inputs.has(2) ? site.inputs.constant(2)?.number : 0
    else { return .wholeSequence }
    return .window(
      StepWindow(
        site.identity, before: padding.before[axis], after: padding.after[axis], fill: fill))
  }
}

extension Tensor {
  /// The only element of a tensor of floats or of int32 or int64 integers.
  fileprivate var number: Double? {
    guard count == 1 else { return nil }
    return switch elementType {
    case .float32: Double(elements(as: Float.self)[0])
    case .float64: elements(as: Double.self)[0]
    default: integers.map { Double($0[0]) }
    }
  }
}
