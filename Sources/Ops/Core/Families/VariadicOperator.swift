import ONNXFormat

/// `y = f(… f(f(x₀, x₁), x₂) …)` for the elements of one or more tensors of numbers whose shapes
/// broadcast. Versions before 8 require equal shapes.
public protocol VariadicOperator: Operator, ArithmeticFunction {
  /// An operator for these inputs.
  init(inputs: VariadicInputs)
  /// The properties of the inputs that the node determines.
  var inputs: VariadicInputs { get }
}

/// Properties of the inputs of a variadic operator that its node determines.
public struct VariadicInputs: Sendable {
  /// Whether the shapes of the inputs broadcast. Otherwise they must be equal.
  public let broadcast: Bool
  /// Whether the output may reuse the memory of one of the first two inputs, because no input that is
  /// read later is the same value.
  public let areDistinct: Bool
}

extension VariadicOperator {
  /// Reads no attributes.
  public init(_ node: inout NodeReader) throws(OperatorError) {
    try node.skipConsumedInputs()
    self.init(
      inputs: VariadicInputs(
        broadcast: node.version >= 8,
        areDistinct: node.inputCount <= 2 || Set(node.node.inputs).count == node.inputCount))
  }

  /// The first two inputs, if no other input is the same value.
  public var overwritableInputs: [Int] { inputs.areDistinct ? [0, 1] : [] }

  /// `.sameStep` where the steps of all inputs lie along the same axis.
  public func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }

  /// The element type of input 0, and the shape that all inputs broadcast to.
  public func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    var shapes: [Shape?] = []
    for index in 0..<inputs.count {
      shapes.append(try inputs.tensor(index, sameTypeAs: 0).shape)
    }
    if !self.inputs.broadcast {
      for index in shapes.indices.dropFirst() {
        _ = try OperandAlignment.none.shape(shapes[0], shapes[index])
      }
    }
    return [.tensor(try inputs.tensor(0).elementType, try Broadcast.shape(shapes))]
  }

  /// A kernel that folds the inputs into the output, on all threads.
  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try foldKernel(call, last: arithmeticLoop(call.elementType(0)))
  }

  /// A kernel that folds the inputs into the output one after the other, the last one by the loop
  /// `last`.
  package func foldKernel(_ call: Preparation, last: AnyBinaryLoop?) throws(OperatorError) -> Kernel
  {
    let type = try call.elementType(0)
    guard let loop = arithmeticLoop(type), let last else {
      throw .input(0, "unexpected element type \(type)")
    }
    let count = call.inputs.count
    guard count > 1 else { return .view(of: 0) }
    let output = try call.outputSizes(0)
    var steps: [(tasks: Int, tile: Buffers.Tile)] = []
    for index in 1..<count {
      let left = index == 1 ? try call.inputSizes(0) : output
      let rows = BroadcastRows(output, [left, try call.inputSizes(index)])
      let loop = index == count - 1 ? last : loop
      steps.append(
        (
          rows.tasks,
          { buffers, task, _ in
            let y = UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self))
            let a =
              index == 1
              ? UnsafeRawPointer(buffers.input(0, as: UInt8.self)) : UnsafeRawPointer(y)
            loop(rows, task, a, UnsafeRawPointer(buffers.input(index, as: UInt8.self)), y)
          }
        ))
    }
    return .compute { [steps] buffers in
      for (tasks, tile) in steps { buffers.parallel(tasks, tile) }
    }
  }
}

extension VariadicOperator {
  /// Divides the gradient of a maximum or minimum equally among the inputs that attain it.
  package func shareAmongEqual(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let type = try backward.elementType()
    var masks: [String] = []
    for input in 0..<backward.inputCount {
      let isEqual = backward.builder.node("Equal", [backward.input(input), backward.output(0)])
      masks.append(backward.builder.cast(isEqual, to: type))
    }
    let share = backward.builder.div(gradient, backward.builder.sum(masks))
    for (input, mask) in masks.enumerated() where backward.wants(input) {
      backward.setSum(input, backward.builder.mul(share, mask))
    }
  }
}

extension VariadicOperator {
  /// Broadcasting, since operator set 8.
  public static var versionSteps: [VersionStep] {
    [
      VersionStep(
        8,
        down: { change throws(OperatorError) in
          let shapes = change.node.inputs.map { change.shape(of: $0) }
          let isEqual = shapes.allSatisfy { shape in
            guard let a = shapes[0], let b = shape, a.rank == b.rank else { return false }
            return zip(a, b).allSatisfy(certainlyEqual)
          }
          if isEqual { return }
          guard let sizes = change.outputType(0)?.shape?.sizes else {
            throw .input(1, "version 7 does not broadcast, and the shapes may differ")
          }
          for index in change.node.inputs.indices {
            change.setInput(index, try change.broadcast(try change.input(index), to: sizes))
          }
        })
    ]
  }
}
