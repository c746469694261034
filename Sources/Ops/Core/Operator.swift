import ONNXFormat
import Synchronization

/// One meaning of an operator: its schema, attributes, shape inference and kernel.
///
/// A value is created once for each node. Nothing that a file contains may trap: throw for invalid
/// attributes in `init`, for types and shapes in `infer`, and for contents of tensors in the kernel.
public protocol Operator: OperatorFacts, Sendable {
  /// The name, domain and versions of the operator, and the numbers of its inputs and outputs.
  static var schema: Schema { get }

  /// The changes that versions made other than to element types. The steps of all Swift types that
  /// share an operator name are combined. The default is none.
  static var versionSteps: [VersionStep] { get }

  /// Rules that replace several nodes by a node of this operator, for formulas that older models spell
  /// out because the standard had no operator for them. The default is none.
  static var rewrites: [RewriteRule] { get }

  /// Reads the attributes. An attribute that is not read makes the node invalid.
  /// - Throws: `OperatorError` for a missing attribute or an invalid value
  init(_ node: inout NodeReader) throws(OperatorError)

  /// The types of the outputs, one for each that the operator can have, even if the node names fewer.
  ///
  /// Sizes of inputs and outputs may be unknown. If the shape of an output depends on the contents of
  /// an input, it is known if `inputs.constant(_:)` is not `nil`.
  /// - Throws: `OperatorError` for inputs that the operator does not take
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType]

  /// Chooses the algorithm, packs constant inputs, and returns the kernel.
  ///
  /// It is called once for each plan, or before each run if shapes depend on data. The sizes of all
  /// inputs are known, and in the second case their contents too.
  ///
  /// The kernel may capture the attributes and what was computed here, but no mutable state: several
  /// threads may run it at once. Its result must not depend on the number of threads.
  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel

  /// Whether equal inputs always give equal outputs, so that constant inputs can be folded. The default
  /// is `true`; random operators return `false`.
  var isPure: Bool { get }

  /// Whether the outputs depend only on the types of the inputs, like those of `Shape`. The default is
  /// `false`.
  var needsOnlyTypes: Bool { get }

  /// The inputs whose contents decide the shapes of the outputs. A node is prepared in each run unless
  /// they are constant, so that contents are checked in the same way whenever they are known. The default
  /// is none.
  var shapeInputs: [Int] { get }

  /// The inputs whose memory output 0 may reuse, because the kernel reads each element of the input
  /// before it writes the one at the same position. Only used for inputs of the same shape and element
  /// size as the output. The default is none.
  var overwritableInputs: [Int] { get }

  /// Whether a run executes one of the graph attributes, which have no inputs and return the outputs
  /// of the node, like `If`. The gradient is then the same node with the gradients of the branches. The
  /// default is `false`.
  var takesOneBranch: Bool { get }

  /// The name of the graph attribute that a run executes, for an operator that takes one branch; `nil`
  /// if it is not known before the run. The default is `nil`.
  func branch(for inputs: Inputs) -> String?

  /// The operator itself if it conforms to `FusingOperator`; otherwise `nil`. Faster than a dynamic
  /// cast.
  var asFusing: (any FusingOperator)? { get }

  /// The notation of quantised values that the operator is; `nil`, the default, for other operators.
  var quantizationNotation: QuantizationNotation? { get }

  /// Adds nodes that compute the node from the integers that its inputs note, with whole-number sums or
  /// the same roundings, and returns their result. The default is `nil`: the node computes with real
  /// numbers.
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome?

  /// How the outputs depend on the steps of a sequence that some inputs hold. The default is
  /// `.wholeSequence`.
  /// - Throws: `OperatorError` for attributes or inputs that do not fit
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation

  /// The operators of the private domain that `differentiate` adds, which the registry registers
  /// together with this one. The default is none.
  static var gradientOperators: [any Operator.Type] { get }
}

extension Operator {
  /// No changes.
  public static var versionSteps: [VersionStep] { [] }
  /// No rules.
  public static var rewrites: [RewriteRule] { [] }
  /// `true`.
  public var isPure: Bool { true }
  /// `false`.
  public var needsOnlyTypes: Bool { false }
  /// No inputs.
  public var shapeInputs: [Int] { [] }
  /// No inputs.
  public var overwritableInputs: [Int] { [] }
  /// `false`.
  public var takesOneBranch: Bool { false }
  /// `nil`.
  public func branch(for inputs: Inputs) -> String? { nil }
  /// `nil`.
  public var asFusing: (any FusingOperator)? { nil }
  /// `nil`.
  public var quantizationNotation: QuantizationNotation? { nil }
  /// `nil`.
  public func quantized(
    _ site: QuantizedSite, _ builder: inout GraphBuilder
  ) -> QuantizedOutcome? { nil }
  /// `.wholeSequence`.
  public func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { .wholeSequence }
  /// No operators.
  public static var gradientOperators: [any Operator.Type] { [] }
}

/// A prepared operator, ready to run. Several threads may run the same kernel at once, so closures must
/// change neither the inputs nor anything they capture.
public enum Kernel: Sendable {
  /// Fills outputs that the caller allocated. `scratch` is the number of bytes of working memory that
  /// it needs, which is 64-byte aligned and uninitialised.
  case compute(scratch: Int, Body)
  /// Returns outputs that it allocates, because their sizes or types depend on the data: one value for
  /// each output, `nil` for an output that is left out.
  case produce(@Sendable (borrowing Call) throws(OperatorError) -> [Value?])
  /// Output 0 is this input with another shape. No memory is copied.
  case view(of: Int)
  /// Output `i` is the memory of this input from byte `offsets[i]` on. `otherwise` copies instead if the
  /// outputs cannot share memory with the input.
  case parts(of: Int, offsets: [Int], otherwise: Body)
  /// Output 0 is the concatenated memory of the inputs. The plan may let other nodes write inputs
  /// directly into it; `copying` returns the closure that copies the remaining ones.
  case join(copying: @Sendable (_ inputs: [Int]) -> Body)

  /// A closure that computes outputs from inputs.
  /// - Throws: `OperatorError` for invalid contents of inputs
  public typealias Body = @Sendable (Buffers) throws(OperatorError) -> Void

  /// A kernel that fills its outputs and needs no scratch memory.
  public static func compute(_ body: @escaping Body) -> Kernel { .compute(scratch: 0, body) }
}

/// The information from which `prepare` chooses a kernel.
public struct Preparation: Sendable {
  /// The types of the inputs and the contents of constant ones.
  public let inputs: Inputs
  /// The types of the outputs; `nil` for an output that is left out or not a tensor.
  public let outputs: [TensorType?]
  /// The number of threads of `Buffers.pool`, for sizing scratch memory. Results must not depend on it.
  public let threads: Int
  /// The packed constants of the session.
  public let packed: PackedTensors
  /// The constant inputs that the kernel does not read.
  package let replaced = ReplacedInputs()
  /// The algorithm of convolutions.
  public let convolution: ConvolutionAlgorithm
  /// The precision of products and convolutions of float32 tensors.
  public let precision: ComputePrecision
  /// Whether the result of a sample must have the same bits in every batch.
  public let isBatchInvariant: Bool
  /// Collects notes for the description of a plan; `nil` if they are not wanted.
  public let notes: KernelNotes?
  /// Adds up tensors over the shards of a training step; `nil` outside of one.
  package var exchange: (any GradientExchange)?

  /// The inputs and outputs of a node, and the options of the session.
  /// - Parameters:
  ///   - inputs: the types and known contents of the inputs
  ///   - outputs: the types of the outputs; `nil` for an output that is not wanted
  ///   - threads: the number of threads that run the kernel
  ///   - packed: the packed constants that all plans of a session share
  ///   - convolution: the algorithm of convolutions
  ///   - precision: the precision of products with constant weights
  ///   - isBatchInvariant: whether the result of a sample must have the same bits in every batch
  ///   - notes: collects notes for the description of a plan
  public init(
    inputs: Inputs, outputs: [TensorType?], threads: Int, packed: PackedTensors = PackedTensors(),
    convolution: ConvolutionAlgorithm = .automatic, precision: ComputePrecision = .float32,
    isBatchInvariant: Bool = true, notes: KernelNotes? = nil
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.threads = threads
    self.packed = packed
    self.convolution = convolution
    self.precision = precision
    self.isBatchInvariant = isBatchInvariant
    self.notes = notes
  }

  /// Adds the algorithm that was chosen, or the reason for it, to the description of the plan, such as
  /// `Winograd F(4×4, 3×3)`. The text is evaluated only if a description is wanted.
  public func note(_ text: @autoclosure () -> String) { notes?.add(text()) }

  /// Whether an output is wanted. Kernels must not write to one that is not.
  public func wants(_ output: Int) -> Bool { output < outputs.count && outputs[output] != nil }

  /// The sizes of an input tensor.
  public func inputSizes(_ index: Int) throws(OperatorError) -> [Int] {
    guard let sizes = try inputs.tensor(index).shape?.sizes else {
      throw .input(index, "the shape is not known")
    }
    return sizes
  }

  /// The sizes of an output tensor that is wanted.
  public func outputSizes(_ index: Int) throws(OperatorError) -> [Int] {
    guard index < outputs.count, let sizes = outputs[index]?.shape?.sizes else {
      throw .output(index, "the shape is not known")
    }
    return sizes
  }

  /// The number of elements of an input tensor.
  public func inputCount(_ index: Int) throws(OperatorError) -> Int {
    try inputSizes(index).elementCount ?? 0
  }

  /// The number of elements of an output tensor that is wanted.
  public func outputCount(_ index: Int) throws(OperatorError) -> Int {
    try outputSizes(index).elementCount ?? 0
  }

  /// The element type of an input tensor.
  public func elementType(_ index: Int) throws(OperatorError) -> ElementType {
    try inputs.tensor(index).elementType
  }
}

/// Notes about the choices that `prepare` made, for the description of a plan.
public final class KernelNotes: Sendable {
  private let texts = Mutex<[String]>([])

  /// An empty collection.
  public init() {}

  /// All notes, in the order they were added.
  public var all: [String] { texts.withLock { $0 } }

  /// Adds a note.
  public func add(_ text: String) { texts.withLock { $0.append(text) } }
}
