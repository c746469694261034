import ONNXFormat
import ONNXOperators

/// How a session runs a model, and the limits that guard against what a file asks for.
public struct SessionOptions: Sendable {
  /// Threads to compute with; `nil` for as many as the CPUs that the process may use.
  public var threads: Int?
  /// Bytes that weights, intermediate values and outputs may take; `nil` for 80 % of the memory that
  /// the machine and the cgroup have left.
  public var memoryLimit: Int?
  /// The seed of the first run's random operators that have none of their own; each later run
  /// continues from it.
  public var seed: UInt64 = 0
  /// Operators besides those of this package, such as some of a domain of your own. One with the
  /// domain, name and version of an operator that exists takes its place.
  public var operators: [any Operator.Type] = []
  /// Passes over the model before it is planned, in their order.
  public var passes: [any Pass] = Passes.standard
  /// Passes over the model before it is checked. They replace nodes that no operator runs: `Gradient`
  /// nodes need `GradientExpansion()` of ONNXDifferentiation here.
  public var expansions: [any Pass] = []
  /// How convolutions are computed.
  public var convolution = ConvolutionAlgorithm.automatic
  /// The precision of matrix products, convolutions and recurrent layers of float32 tensors with
  /// constant weights. The default is float32.
  public var precision = ComputePrecision.float32
  /// Whether the bits of a sample are the same in every batch. The default is `true`.
  ///
  /// The order in which OpenBLAS sums a row depends on the number of rows. Products of two computed
  /// float matrices whose rows may be samples (`MatMul` with a matrix of rank 2, `Gemm`, `Einsum`)
  /// therefore use slower kernels. Products with constant weights, convolutions, recurrent layers and
  /// attention are not affected.
  public var isBatchInvariant = true
  /// The most nodes that a model may have once its functions are expanded.
  public var maxNodes = 10_000_000
  /// The most trips that all loops of one run may make together.
  public var maxTrips = 100_000_000
  /// The longest that loading may take, and the longest that each run may take. `nil` for no limit.
  ///
  /// With a limit, loading and runs use a thread of their own. They end with `ModelError.deadline`, or
  /// the same error of a node, at most half a second after the limit. A kernel that is still computing
  /// then goes on in the background until it notices, and keeps its memory until then.
  public var timeLimit: Duration?
  /// The end of loading, where reading the file has already taken some of the time limit.
  package var loadDeadline: ContinuousClock.Instant?
  /// How `Session(contentsOf:options:)` reads the file; `threads` here has no effect.
  public var reading = ReadingOptions()
  /// Whether a run may pass values for initializers that are also inputs. A session that owns its
  /// model and does not allow it keeps such weights once, in the form that its kernels read.
  public var allowsReplacedInitializers = true
  /// What adds up tensors over the shards of a training step.
  package var exchange: (any GradientExchange)?
  /// The most plans kept for different input shapes, for the model and for each of its subgraphs, and
  /// the most sets of replaced initializers for which the optimised model is kept.
  public var maxPlans = 32

  /// The default options.
  public init() {}
}
