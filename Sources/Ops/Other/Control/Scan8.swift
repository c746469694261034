import ONNXFormat
import ONNXOperators
import ONNXShape

/// `Scan` of operator set 8: batches along axis 0, slices along axis 1, and a length for each batch row.
struct Scan8: Operator {
  static let schema = Schema(
    "Scan", [8: .int64], inputs: .atLeast(2), outputs: .atLeast(1))
  let scanCount: Int
  let directions: [Bool]

  init(_ node: inout NodeReader) throws(OperatorError) {
    _ = try node.graph("body")
    scanCount = try node.scanCount(of: node.inputCount - 1)
    directions = try node.directions("directions", scanCount)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let states = inputs.count - 1 - scanCount
    var batch = Dimension.unknown
    var length = Dimension.unknown
    if inputs.has(0), try inputs.tensor(0, .int64).shape != nil {
      batch = try inputs.shape(0, rank: 1)?[0] ?? .unknown
    }
    var types: [ValueType?] = []
    for index in 1..<inputs.count {
      let input = try inputs.tensor(index)
      let dropped = index <= states ? 1 : 2
      if let shape = input.shape {
        guard shape.rank >= dropped else {
          throw .input(index, "expected at least rank \(dropped), got shape \(shape)")
        }
        do {
          batch = try unify(batch, shape[0])
          if dropped == 2 { length = try unify(length, shape[1]) }
        } catch {
          throw .input(index, "shape \(shape) does not fit batch \(batch), length \(length)")
        }
      }
      types.append(
        .tensor(input.elementType, input.shape.map { Shape(Array($0.dropFirst(dropped))) }))
    }
    let body = try inputs.subgraph("body")
    _ = try body.scanOutputCount(inputs: inputs.count - 1, states: states)
    let outputs = try body.inferRepeated(types, carried: 0..<states, firstOutput: 0)
    var result: [ValueType] = []
    for (index, output) in outputs.enumerated() {
      let sequence = index < states ? output : try output.stacked(length)
      result.append(try sequence.stacked(batch))
    }
    return result
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let body = try call.inputs.subgraph("body")
    let states = call.inputs.count - 1 - scanCount
    let types = try infer(call.inputs).map(\.tensorType)
    return .produce { call throws(OperatorError) in try run(body, states, types, call) }
  }

  private func run(
    _ body: any SubgraphRunner, _ states: Int, _ types: [TensorType?], _ call: borrowing Call
  ) throws(OperatorError) -> [Value?] {
    let shape = try call.tensor(states + 1).shape
    let (batch, length) = (shape[0], shape[1])
    let lengths = call.has(0) ? try call.tensor(0).integers : nil
    let outputs = types.count - states
    var collected = Array(repeating: [Tensor](), count: types.count)
    for row in 0..<batch {
      var initial: [Value] = []
      for index in 0..<states { initial.append(.tensor(try rowOf(1 + index, row, call))) }
      var sources: [SliceSource] = []
      for index in 0..<scanCount {
        let tensor = try rowOf(1 + states + index, row, call)
        sources.append(SliceSource(tensor, axis: 0, isReversed: directions[index]))
      }
      let trips = lengths?[row] ?? length
      guard trips >= 0, trips <= length else {
        throw .input(0, "length \(trips) of row \(row) is out of range for \(length) slices")
      }
      let (finals, scanned) = try body.scan(initial, sources, trips, outputs: outputs, call)
      for (index, value) in finals.enumerated() {
        guard let tensor = value.tensor else { throw .subgraph("a state is not a tensor") }
        collected[index].append(tensor)
      }
      for (index, tensors) in scanned.enumerated() {
        let type = types[states + index]
        let sizes = type?.shape?.dropFirst(2).map { $0.size ?? 0 } ?? []
        collected[states + index].append(
          try stack(
            tensors, axis: 0, length: length, type?.elementType ?? .float32, sizes: sizes, call))
      }
    }
    var results: [Value?] = []
    for (index, tensors) in collected.enumerated() {
      let stacked = try stack(
        tensors, axis: 0, types[index]?.elementType ?? .float32,
        sizes: types[index]?.shape?.dropFirst().map { $0.size ?? 0 } ?? [], call)
      results.append(.tensor(stacked))
    }
    return results
  }

  private func rowOf(
    _ input: Int, _ row: Int, _ call: borrowing Call
  ) throws(OperatorError) -> Tensor {
    try SliceSource(try call.tensor(input), axis: 0, isReversed: false).slice(row, call)
  }
}

extension Scan {
  static var versionSteps: [VersionStep] {
    [
      // Version 8 scans batches. A batch of 1 is the same without its dimension.
      VersionStep(
        9,
        up: { change throws(OperatorError) in
          guard !change.has(0) else { throw .input(0, "that version does not support lengths") }
          guard !change.node.inputs.isEmpty else { throw .input(1, "is missing") }
          guard change.hasBatchOfOne else { return change.scanBatch() }
          for input in change.node.inputs.indices.dropFirst() {
            change.setInput(input, change.squeeze(try change.input(input), [0]))
          }
          change.node.inputs.removeFirst()
          change.rename("directions", to: "scan_input_directions")
          for output in change.node.outputs.indices {
            change.follow(output, "Unsqueeze", [], [.ints("axes", [0])])
          }
        },
        down: { change throws(OperatorError) in
          try change.dropNeutral("scan_input_axes", .ints(0))
          try change.dropNeutral("scan_output_axes", .ints(0))
          try change.dropNeutral("scan_output_directions", .ints(0))
          change.rename("scan_input_directions", to: "directions")
          for input in change.node.inputs.indices {
            change.setInput(input, change.unsqueeze(try change.input(input), [0]))
          }
          change.node.inputs.insert("", at: 0)
          for output in change.node.outputs.indices {
            change.follow(output, "Squeeze", [], [.ints("axes", [0])])
          }
        })
    ]
  }
}

extension VersionChange {
  /// Whether all inputs have a first dimension of size 1.
  fileprivate var hasBatchOfOne: Bool {
    node.inputs.indices.dropFirst().allSatisfy { tensorType($0)?.shape?.first == 1 }
  }

  /// Scans the rows of a batch one after the other, by a `Scan` inside a `Scan`.
  fileprivate mutating func scanBatch() {
    rename("directions", to: "scan_input_directions")
    var inner = node
    inner.inputs = node.inputs.indices.dropFirst().map { fresh("item\($0)") }
    inner.outputs = node.outputs.map { $0.isEmpty ? "" : fresh("item") }
    inner.name = fresh("items")
    func info(_ name: String, like whole: String) -> ValueInfo {
      let type = context.type(of: whole)?.tensorType
      return ValueInfo(
        name,
        .tensor(type?.elementType ?? .undefined, type?.shape.map { Shape(Array($0.dropFirst())) }))
    }
    let wanted = node.outputs.filter { !$0.isEmpty }
    let body = Graph(
      name: "batch", nodes: [inner],
      inputs: zip(inner.inputs, node.inputs.dropFirst()).map { info($0, like: $1) },
      outputs: zip(inner.outputs.filter { !$0.isEmpty }, wanted).map { info($0, like: $1) })
    node.attributes = [
      Attribute("body", .graph(body)), .int("num_scan_inputs", inner.inputs.count),
    ]
    node.inputs.removeFirst()
    node.outputs = wanted
  }
}
