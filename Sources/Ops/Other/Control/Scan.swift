import ONNXFormat
import ONNXOperators
import ONNXShape

/// Runs `body` for each position along an axis of the scan inputs. It maps states and slices to states
/// and scan outputs, which are stacked along an axis.
struct Scan: ScanningOperator {
  static let schema = Schema(
    "Scan",
    [
      9: .classic, 11: .classic, 16: .any13, 19: .any19, 21: .any21, 23: .any23, 24: .any24,
      25: .any25,
    ], inputs: .atLeast(1), outputs: .atLeast(1))
  let scanCount: Int
  let inputAxes: [Int]
  let inputDirections: [Bool]
  let outputAxes: [Int]
  let outputDirections: [Bool]

  var sliced: SlicedValues {
    SlicedValues(
      inputAxes: inputAxes, inputDirections: inputDirections, outputAxes: outputAxes,
      outputDirections: outputDirections)
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    _ = try node.graph("body")
    scanCount = try node.scanCount(of: node.inputCount)
    inputAxes = try node.list("scan_input_axes", scanCount)
    inputDirections = try node.directions("scan_input_directions", scanCount)
    outputAxes = try node.list("scan_output_axes", nil)
    outputDirections = try node.directions("scan_output_directions", nil)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let states = inputs.count - scanCount
    var types: [ValueType?] = []
    for index in 0..<states { types.append(try inputs.type(index)) }
    var length = Dimension.unknown
    for index in 0..<scanCount {
      let input = try inputs.tensor(states + index)
      var slice = input.shape
      if let shape = input.shape {
        let axis = try normalized(axis: inputAxes[index], rank: shape.rank)
        slice?.dimensions.remove(at: axis)
        do { length = try unify(length, shape[axis]) } catch {
          throw .input(states + index, "expected \(length) slices, got \(shape[axis])")
        }
      }
      types.append(.tensor(input.elementType, slice))
    }
    let body = try inputs.subgraph("body")
    let scanned = try body.scanOutputCount(inputs: inputs.count, states: states)
    try checkOutputs(scanned)
    var outputs = try body.inferRepeated(types, carried: 0..<states, firstOutput: 0)
    for index in 0..<scanned {
      let axis = outputAxes.isEmpty ? 0 : outputAxes[index]
      outputs[states + index] = try outputs[states + index].stacked(length, axis: axis)
    }
    return outputs
  }

  private func checkOutputs(_ count: Int) throws(OperatorError) {
    for list in [outputAxes.count, outputDirections.count] where list != 0 && list != count {
      throw .invalid("\(list) axes or directions are given for \(count) scan outputs")
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let body = try call.inputs.subgraph("body")
    let states = call.inputs.count - scanCount
    let types = try infer(call.inputs)
    return .produce { call throws(OperatorError) in
      try run(body, states, scanTypes: types[states...].map(\.tensorType), call)
    }
  }

  private func run(
    _ body: any SubgraphRunner, _ states: Int, scanTypes: [TensorType?], _ call: borrowing Call
  ) throws(OperatorError) -> [Value?] {
    var inputs: [Value] = []
    for index in 0..<states { inputs.append(try call.value(index)) }
    var sources: [SliceSource] = []
    for index in 0..<scanCount {
      let tensor = try call.tensor(states + index)
      let axis = try normalized(axis: inputAxes[index], rank: tensor.shape.count)
      sources.append(SliceSource(tensor, axis: axis, isReversed: inputDirections[index]))
    }
    let length = sources[0].count
    guard sources.allSatisfy({ $0.count == length }) else {
      throw .invalid("the scan inputs have different numbers of slices")
    }
    let (finals, scanned) = try body.scan(
      inputs, sources, length, outputs: scanTypes.count, call)
    var results: [Value?] = finals
    for (index, tensors) in scanned.enumerated() {
      let axis = outputAxes.isEmpty ? 0 : outputAxes[index]
      let type = scanTypes[index]
      var sizes = type?.shape?.map { $0.size ?? 0 } ?? [0]
      if tensors.isEmpty { sizes.remove(at: try normalized(axis: axis, rank: sizes.count)) }
      let stacked = try stack(
        tensors, axis: axis, isReversed: !outputDirections.isEmpty && outputDirections[index],
        type?.elementType ?? .float32, sizes: sizes, call)
      results.append(.tensor(stacked))
    }
    return results
  }
}

extension NodeReader {
  /// Reads `num_scan_inputs`, the number of inputs that are not states.
  mutating func scanCount(of inputs: Int) throws(OperatorError) -> Int {
    let count = try int("num_scan_inputs")
    guard count >= 1, count <= inputs else {
      throw .attribute("num_scan_inputs", "is \(count), but the node has \(inputs) inputs")
    }
    return count
  }

  /// Reads `count` integers. The default is 0 for each, or an empty list for an unknown count.
  fileprivate mutating func list(_ name: String, _ count: Int?) throws(OperatorError) -> [Int] {
    guard let values = try optionalInts(name), !values.isEmpty else {
      return Array(repeating: 0, count: count ?? 0)
    }
    if let count, values.count != count {
      throw .attribute(name, "expected \(count) values, got \(values.count)")
    }
    return values
  }

  /// Reads `count` directions: whether each runs from the end.
  mutating func directions(_ name: String, _ count: Int?) throws(OperatorError) -> [Bool] {
    let flags = try list(name, count)
    guard flags.allSatisfy({ $0 == 0 || $0 == 1 }) else {
      throw .attribute(name, "expected 0s and 1s, got \(flags)")
    }
    return flags.map { $0 == 1 }
  }
}

/// A tensor split into slices along an axis.
struct SliceSource {
  let tensor: Tensor
  let count: Int
  private let isReversed: Bool
  private let sizes: [Int]
  private let strides: [Int]
  private let step: Int

  init(_ tensor: Tensor, axis: Int, isReversed: Bool) {
    self.tensor = tensor
    self.isReversed = isReversed
    count = tensor.shape[axis]
    var sizes = tensor.shape
    var strides = rowMajorStrides(sizes)
    sizes.remove(at: axis)
    step = strides.remove(at: axis)
    self.sizes = sizes
    self.strides = strides
  }

  /// The slice of one iteration.
  func slice(_ trip: Int, _ call: borrowing Call) throws(OperatorError) -> Tensor {
    let result = try call.allocate(tensor.elementType, sizes)
    let place = isReversed ? count - 1 - trip : trip
    StridedCopy(
      tensor.elementType, sizes, from: strides, fromOffset: place &* step,
      to: rowMajorStrides(sizes)
    ).run(from: tensor.storage.pointer, to: result.storage.pointer)
    return result
  }
}

extension SubgraphRunner {
  /// - Throws: `OperatorError.subgraph` if the body does not match the node
  func scanOutputCount(inputs: Int, states: Int) throws(OperatorError) -> Int {
    guard inputCount == inputs, outputCount >= states else {
      throw .subgraph(
        "the body has \(inputCount) inputs and \(outputCount) outputs, "
          + "expected \(inputs) and at least \(states)")
    }
    return outputCount - states
  }

  /// Runs the body for each slice.
  /// - Returns: the final states, and the values of each scan output in all iterations
  func scan(
    _ states: [Value], _ sources: [SliceSource], _ length: Int, outputs count: Int,
    _ call: borrowing Call
  ) throws(OperatorError) -> (states: [Value], scanned: [[Tensor]]) {
    var states = states
    var scanned = Array(repeating: [Tensor](), count: count)
    for trip in 0..<length {
      try call.context.countTrip()
      var inputs = states
      for source in sources { inputs.append(.tensor(try source.slice(trip, call))) }
      let outputs = try run(inputs, call)
      guard outputs.count == states.count + count else {
        throw .subgraph("the body returned \(outputs.count) outputs")
      }
      for index in 0..<count {
        guard let tensor = outputs[states.count + index].tensor else {
          throw .subgraph("scan output \(index) of the body is not a tensor")
        }
        scanned[index].append(tensor)
      }
      states = Array(outputs[..<states.count])
    }
    return (states, scanned)
  }
}
