import Glibc
import ONNX
import ToolSupport

extension ExplainedModel {
  static func isRecurrent(_ node: Node) -> Bool {
    ["RNN", "GRU", "LSTM"].contains(node.operatorType) && node.inputs.count >= 3
  }

  /// What the gates of a recurrent node did with the first sequence of its batch.
  /// - Parameter reverse: the direction to show
  /// - Throws: `Failure` for a layer that cannot be worked out again, or comes out otherwise.
  func gates(_ node: Node, reverse: Bool) throws(Failure) -> GateTrace {
    let label = "\(path): node '\(Self.label(node))'"
    // The sequence of states may be an output that nobody has asked for so far.
    let (named, node) = withOutput(of: node)
    return try named.gates(node, reverse, label)
  }

  private func gates(_ node: Node, _ reverse: Bool, _ label: String) throws(Failure) -> GateTrace {
    func name(_ input: Int) -> String { input < node.inputs.count ? node.inputs[input] : "" }
    let found = try tensors(node.inputs + [node.outputs[0]])
    let gateCount = ["LSTM": 4, "GRU": 3][node.operatorType] ?? 1
    guard let x = found[name(0)], let w = found[name(1)], let r = found[name(2)],
      let y = found[node.outputs[0]], x.shape.count == 3, w.shape.count == 3, r.shape.count == 3,
      y.shape.count == 4
    else { throw Failure("\(label) lacks its sequence, weights or output") }
    let isBatchFirst = node.integer("layout") == 1
    let (batch, allSteps) = isBatchFirst ? (x.shape[0], x.shape[1]) : (x.shape[1], x.shape[0])
    let (inputs, units, directions) = (x.shape[2], r.shape[2], r.shape[0])
    let kind = node.string("direction") ?? "forward"
    let direction: Int
    switch (kind, reverse) {
    case ("bidirectional", _): direction = reverse ? 1 : 0
    case ("reverse", _): direction = 0
    default:
      guard !reverse else { throw Failure("\(label) reads forward only") }
      direction = 0
    }
    guard batch > 0, allSteps > 0, units > 0, direction < directions else {
      throw Failure("\(label) reads no sequence")
    }
    var steps = allSteps
    if let lengths = found[name(4)], lengths.elementType == .int32, lengths.count > 0 {
      steps = min(max(Int(lengths.elements(as: Int32.self)[0]), 0), allSteps)
    }
    guard steps > 0 else { throw Failure("\(label) reads an empty sequence") }

    /// A direction's part of a parameter, or zeros.
    func part(_ input: Int, _ count: Int) throws(Failure) -> [Float] {
      guard let tensor = found[name(input)] else { return [Float](repeating: 0, count: count) }
      let values = try tensor.floats(name(input))
      guard values.count == directions * count else {
        throw Failure("\(label): expected '\(name(input))' of \(directions * count) elements")
      }
      return Array(values[direction * count..<(direction + 1) * count])
    }
    /// The first sequence's state of a direction, or zeros.
    func state(_ input: Int) throws(Failure) -> [Float] {
      guard let tensor = found[name(input)] else { return [Float](repeating: 0, count: units) }
      let values = try tensor.floats(name(input))
      let start = isBatchFirst ? direction * units : direction * batch * units
      guard values.count == directions * batch * units else {
        throw Failure(
          "\(label): expected '\(name(input))' of \(directions * batch * units) elements")
      }
      return Array(values[start..<start + units])
    }
    let all = try x.floats(name(0))
    let stride = isBatchFirst ? inputs : batch * inputs
    let sequence = (0..<steps).flatMap { all[$0 * stride..<$0 * stride + inputs] }
    let count = gateCount * units
    let trace = GateTrace(
      .init(
        kind: node.operatorType, steps: steps, units: units, x: sequence,
        w: try part(1, count * inputs), r: try part(2, count * units), b: try part(3, 2 * count),
        p: node.operatorType == "LSTM" ? try part(7, 3 * units) : [],
        initialH: try state(5),
        initialC: node.operatorType == "LSTM" ? try state(6) : [],
        isReverse: kind == "reverse" || direction == 1,
        clip: node.float("clip"), couplesInputAndForget: node.integer("input_forget") == 1,
        isLinearBeforeReset: node.integer("linear_before_reset") == 1,
        activations: try activations(node, direction, directions, label)))
    try check(trace, y, isBatchFirst, direction, label)
    return trace
  }

  /// Holds what was worked out to what the node gave.
  private func check(
    _ trace: GateTrace, _ y: Tensor, _ isBatchFirst: Bool, _ direction: Int, _ label: String
  ) throws(Failure) {
    let values = try y.floats("Y")
    let (batch, directions) = isBatchFirst ? (y.shape[0], y.shape[2]) : (y.shape[2], y.shape[1])
    let hidden = trace.values[trace.values.count - 1]
    for step in 0..<trace.steps {
      let start =
        (isBatchFirst
          ? step * directions + direction : (step * directions + direction) * batch) * trace.units
      guard start + trace.units <= values.count else {
        throw Failure("\(label): expected an output of \(trace.steps) steps, found \(y)")
      }
      for unit in 0..<trace.units {
        let (a, b) = (values[start + unit], hidden[step * trace.units + unit])
        guard abs(a - b) <= 1e-3 * max(1, abs(a)) else {
          throw Failure("\(label): its gates cannot be worked out (\(b) at step \(step), not \(a))")
        }
      }
    }
  }

  private func activations(
    _ node: Node, _ direction: Int, _ directions: Int, _ label: String
  ) throws(Failure) -> [@Sendable (Float) -> Float] {
    let usual =
      ["LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]][
        node.operatorType] ?? ["Tanh"]
    var names = usual
    if case .strings(let given)? = node.attribute("activations")?.value, !given.isEmpty {
      guard given.count == usual.count * directions else {
        throw Failure("\(label): expected \(usual.count * directions) activations")
      }
      names = given[direction * usual.count..<(direction + 1) * usual.count].map(\.string)
    }
    var functions: [@Sendable (Float) -> Float] = []
    for name in names {
      switch name.lowercased() {
      case "sigmoid": functions.append { 1 / (1 + exp(-$0)) }
      case "tanh": functions.append { tanh($0) }
      case "relu": functions.append { max(0, $0) }
      default: throw Failure("\(label): gates with the activation \(name) are not drawn")
      }
    }
    return functions
  }
}

extension Node {
  fileprivate func integer(_ name: String) -> Int? {
    if case .int(let value)? = attribute(name)?.value { Int(value) } else { nil }
  }
  fileprivate func float(_ name: String) -> Float? {
    if case .float(let value)? = attribute(name)?.value { value } else { nil }
  }
  fileprivate func string(_ name: String) -> String? {
    if case .string(let value)? = attribute(name)?.value { value.string } else { nil }
  }
}
