import ONNXFormat

/// How the outputs of a node depend on the steps of a sequence, such as the samples of a sound or the
/// words of a sentence. From it follows how to compute a sequence that arrives in chunks.
public enum StepRelation: Sendable {
  /// Each step of the outputs depends on the same step of the inputs alone.
  case sameStep
  /// Each step of output 0 depends on the steps of input 0 in a window.
  case window(StepWindow)
  /// The node goes from the first step to the last with states. Each is the input that holds its value
  /// before the first step, and the output that holds its value behind the last.
  case recurrent(states: [(input: Int, output: Int)])
  /// The outputs depend on the last step alone.
  case lastStep
  /// The outputs depend on other steps too: the sequence must be known as a whole. The default.
  case wholeSequence
}

/// Windows over the steps of input 0: window `i` begins at step `i · stride − before`.
public struct StepWindow: Sendable {
  /// The node without its padding of the steps.
  public var node: Node
  /// The number of steps from the first of a window to its last.
  public var extent: Int
  /// The number of steps from one window to the next.
  public var stride: Int
  /// The number of steps added before the first one.
  public var before: Int
  /// The number of steps added after the last one, or dropped there where it is negative.
  public var after: Int
  /// The number that the added steps hold.
  public var fill: Double

  /// Windows of a node.
  public init(
    _ node: Node, extent: Int = 1, stride: Int = 1, before: Int = 0, after: Int = 0,
    fill: Double = 0
  ) {
    self.node = node
    self.extent = extent
    self.stride = stride
    self.before = before
    self.after = after
    self.fill = fill
  }
}

/// A node among values that have an axis for the steps of a sequence.
public struct StepSite {
  /// The node as the graph has it.
  public let node: Node
  /// The types of the inputs, of known sizes, for some number of steps, and the contents of constants.
  public let inputs: Inputs
  /// The axis of the steps of each input; `nil` for an input without steps.
  public let axes: [Int?]
  /// The sizes of output 0 for the same number of steps.
  public let output: [Int]
  /// The axis of the steps of output 0; `nil` if its sizes do not depend on the number of steps.
  public let outputAxis: Int?

  /// A node among such values.
  public init(
    node: Node, inputs: Inputs, axes: [Int?], output: [Int], outputAxis: Int?
  ) {
    self.node = node
    self.inputs = inputs
    self.axes = axes
    self.output = output
    self.outputAxis = outputAxis
  }

  /// The axis of the steps of an input; `nil` for an input without steps.
  public func axis(_ input: Int = 0) -> Int? { input < axes.count ? axes[input] : nil }

  /// The sizes of an input.
  public func sizes(_ input: Int = 0) -> [Int] {
    guard input < inputs.types.count else { return [] }
    return inputs.types[input]?.tensorType?.shape?.sizes ?? []
  }

  /// Whether input 0 alone has steps.
  public var onlyFirstHasSteps: Bool { axes.dropFirst().allSatisfy { $0 == nil } }

  /// `.sameStep` for an operator that combines elements at the same place of inputs which broadcast by
  /// NumPy's rule.
  public var broadcast: StepRelation {
    guard let outputAxis else { return .wholeSequence }
    let isAligned = axes.indices.allSatisfy { input in
      axes[input].map { $0 - sizes(input).count == outputAxis - output.count } ?? true
    }
    return isAligned ? .sameStep : .wholeSequence
  }

  /// `.sameStep` for an operator on input 0 that combines elements along other axes than the steps.
  public func along(_ combined: Range<Int>) -> StepRelation {
    guard let axis = axis(), onlyFirstHasSteps, outputAxis != nil else { return .wholeSequence }
    return combined.contains(axis) ? .wholeSequence : .sameStep
  }

  /// `.sameStep` for a matrix product of inputs `a` and `b`, as `MatMul` defines it.
  public func product(_ a: Int, _ b: Int) -> StepRelation {
    guard outputAxis != nil, axes.indices.allSatisfy({ $0 == a || $0 == b || axes[$0] == nil })
    else { return .wholeSequence }
    let (left, right) = (sizes(a).count, sizes(b).count)
    switch (axis(a), axis(b)) {
    case (let rows?, nil): return rows < left - 1 ? .sameStep : .wholeSequence
    case (nil, let columns?):
      let isSummed = columns == max(right - 2, 0)
      return isSummed ? .wholeSequence : .sameStep
    case (let i?, let j?):
      // The steps are matrices of their own.
      return i < left - 2 && j < right - 2 && left - i == right - j ? .sameStep : .wholeSequence
    default: return .wholeSequence
    }
  }

  /// `.sameStep` for an operator that moves no element, if the steps stay one axis.
  public var reshaped: StepRelation {
    let sizes = sizes()
    guard let axis = axis(), let outputAxis, onlyFirstHasSteps, sizes[axis] == output[outputAxis],
      sizes[..<axis].reduce(1, &*) == output[..<outputAxis].reduce(1, &*)
    else { return .wholeSequence }
    return .sameStep
  }
}
