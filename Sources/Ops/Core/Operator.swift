import ONNXFormat
import Synchronization

/// One meaning of an operator: its schema, attributes, shape inference and kernel.
///
/// A value is made once per node. Everything that a file can get wrong is thrown: attributes in
/// `init`, types and shapes in `infer`, contents of tensors in the kernel.
public protocol Operator: OperatorFacts, Sendable {
  static var schema: Schema { get }

  /// What versions changed beyond element types; those of all types of one name count together.
  static var versionSteps: [VersionStep] { get }

  /// Rules that replace several nodes by one of this operator, for operators that newer versions of
  /// the standard define and older models spell out.
  static var rewrites: [RewriteRule] { get }

  /// Reads the attributes. One that is not read makes the node invalid.
  init(_ node: inout NodeReader) throws(OperatorError)

  /// Types of the outputs, one for each the operator can have (more than the node names is fine).
  ///
  /// Sizes may be unknown, of inputs as of outputs. An output whose shape depends on an input's
  /// contents is known where `inputs.constant(_:)` is.
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType]

  /// Chooses the algorithm, packs what is constant, and returns the kernel to run.
  ///
  /// Called once per plan, or right before each run where shapes depend on data; every input's
  /// size is known. In the latter case every input is a constant.
  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel

  /// Whether equal inputs always give equal outputs. Random operators say no.
  var isPure: Bool { get }

  /// Whether the outputs follow from the inputs' types alone, as those of `Shape` do.
  var needsOnlyTypes: Bool { get }

  /// Inputs whose memory output 0 may take over: the kernel reads each element of such an input
  /// before it writes the element at the same place. Offered only for equal shape and element size.
  var overwritableInputs: [Int] { get }

  /// Whether a run takes one of the node's graph attributes, which have no inputs and make the node's
  /// outputs, as `If` does. The gradient is then the same node over the branches' gradients.
  var takesOneBranch: Bool { get }

  /// Itself, where it can do the work of the node behind it: to ask the runtime whether a type
  /// conforms, it reads the records of all types.
  var asFusing: (any FusingOperator)? { get }

  /// Operators of the private domain that `differentiate` adds, for the registry to know.
  static var gradientOperators: [any Operator.Type] { get }
}

extension Operator {
  /// No changes by default.
  public static var versionSteps: [VersionStep] { [] }
  /// No rules by default.
  public static var rewrites: [RewriteRule] { [] }
  /// True by default.
  public var isPure: Bool { true }
  /// False by default.
  public var needsOnlyTypes: Bool { false }
  /// None by default.
  public var overwritableInputs: [Int] { [] }
  /// False by default.
  public var takesOneBranch: Bool { false }
  /// None by default.
  public var asFusing: (any FusingOperator)? { nil }
  public static var gradientOperators: [any Operator.Type] { [] }
}

/// What `prepare` returns: how the outputs come about.
public enum Kernel: Sendable {
  /// Fills outputs that were allocated for it, with `scratch` bytes (64-byte aligned) to work in.
  /// Must change neither its inputs nor anything it captures: many threads may run it at once.
  case compute(scratch: Int, Body)
  /// Makes its outputs itself, because their size or kind depends on the data.
  case produce(@Sendable (borrowing Call) throws(OperatorError) -> [Value?])
  /// Output 0 is the memory of this input under another shape.
  case view(of: Int)
  /// Output `i` is the memory of this input from byte `offsets[i]` on. Where the outputs cannot be
  /// parts of it, `otherwise` fills them.
  case parts(of: Int, offsets: [Int], otherwise: Body)
  /// Output 0 is the inputs' memory, one behind the other. Whoever runs the kernel may have inputs
  /// made in their place there; `copying` gives the kernel that copies the others.
  case join(copying: @Sendable (_ inputs: [Int]) -> Body)

  /// Fills outputs from inputs.
  public typealias Body = @Sendable (Buffers) throws(OperatorError) -> Void

  /// A kernel that fills its outputs and needs no scratch memory.
  public static func compute(_ body: @escaping Body) -> Kernel { .compute(scratch: 0, body) }
}

/// What `prepare` is told.
public struct Preparation: Sendable {
  public let inputs: Inputs
  /// The outputs' types; `nil` for one left out or not a tensor.
  public let outputs: [TensorType?]
  /// How many threads `Buffers.pool` has.
  public let threads: Int
  /// Where packed constants are kept.
  public let packed: PackedTensors
  /// Constant inputs that the kernel will not read.
  public let replaced = ReplacedInputs()
  /// How convolutions are to be computed.
  public let convolution: ConvolutionAlgorithm
  /// Whether the bits of a sample must not depend on the samples computed with it.
  public let isBatchInvariant: Bool
  /// Collects what kernels note; `nil` where nobody will read it.
  public let notes: KernelNotes?

  /// - Parameter packed: packed constants that plans of one session share; by default there are none
  public init(
    inputs: Inputs, outputs: [TensorType?], threads: Int, packed: PackedTensors = PackedTensors(),
    convolution: ConvolutionAlgorithm = .automatic, isBatchInvariant: Bool = true,
    notes: KernelNotes? = nil
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.threads = threads
    self.packed = packed
    self.convolution = convolution
    self.isBatchInvariant = isBatchInvariant
    self.notes = notes
  }

  /// Notes the algorithm that the kernel uses, and the reason for it, for whoever prints the plan:
  /// `Winograd F(4×4, 3×3)`. The text is made only where it is read.
  public func note(_ text: @autoclosure () -> String) { notes?.add(text()) }

  /// Whether somebody wants that output.
  public func wants(_ output: Int) -> Bool { output < outputs.count && outputs[output] != nil }

  /// Sizes of an input tensor.
  public func inputSizes(_ index: Int) throws(OperatorError) -> [Int] {
    guard let sizes = try inputs.tensor(index).shape?.sizes else {
      throw .input(index, "its shape is not known")
    }
    return sizes
  }

  /// Sizes of an output tensor that `wants` affirms.
  public func outputSizes(_ index: Int) throws(OperatorError) -> [Int] {
    guard index < outputs.count, let sizes = outputs[index]?.shape?.sizes else {
      throw .output(index, "its shape is not known")
    }
    return sizes
  }

  /// Number of elements of an input tensor.
  public func inputCount(_ index: Int) throws(OperatorError) -> Int {
    try inputSizes(index).elementCount ?? 0
  }

  /// Number of elements of an output tensor.
  public func outputCount(_ index: Int) throws(OperatorError) -> Int {
    try outputSizes(index).elementCount ?? 0
  }

  /// Element type of an input tensor.
  public func elementType(_ index: Int) throws(OperatorError) -> ElementType {
    try inputs.tensor(index).elementType
  }
}

/// Notes that kernels leave about themselves while they are prepared.
public final class KernelNotes: Sendable {
  private let texts = Mutex<[String]>([])

  /// An empty collection.
  public init() {}

  /// All notes, in the order they were added.
  public var all: [String] { texts.withLock { $0 } }

  /// Adds a note.
  public func add(_ text: String) { texts.withLock { $0.append(text) } }
}
