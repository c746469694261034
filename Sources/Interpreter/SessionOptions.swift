import ONNXOperators
import ONNXOps

/// How a session runs a model. Limits guard against what a file asks for.
public struct SessionOptions: Sendable {
  /// Threads to compute with; `nil` for as many CPUs as the process may use.
  public var threads: Int?
  /// Bytes that weights, intermediate values and outputs may take; `nil` for 80 % of what the
  /// machine and the cgroup have left.
  public var memoryLimit: Int?
  /// Where random operators without a seed of their own start in the first run; later runs go on.
  public var seed: UInt64 = 0
  /// Passes over the graph before it is planned.
  public var passes: Set<Pass> = Set(Pass.allCases)
  /// How convolutions are computed.
  public var convolution = ConvolutionAlgorithm.automatic
  /// Whether the bits of a sample are the same in every batch. OpenBLAS adds up a row in another order
  /// where it multiplies more of them, so products of two computed float matrices whose rows may be
  /// samples (`MatMul` with a matrix of rank 2, `Gemm`, `Einsum`) run in slower kernels. Products with
  /// constant weights, convolutions, recurrent layers, and the products of attention, each of one
  /// sample, are the same and as fast either way.
  public var isBatchInvariant = true
  /// Nodes that a model may have after its functions are expanded.
  public var maxNodes = 10_000_000
  /// Trips of all loops in one run.
  public var maxTrips = 100_000_000
  /// Time that one run may take, looked at before every node; `nil` for no limit.
  public var timeLimit: Duration?
  /// Whether a run may give values in place of initializers that are inputs too. Without that, a
  /// session that owns its model keeps such weights in one form only, the one its kernels read.
  public var allowsReplacedInitializers = true
  /// Plans kept for different input shapes, for the model and each of its subgraphs.
  public var maxPlans = 32

  public init() {}
}

/// An optimisation of the graph. Function expansion is none: it always happens.
public enum Pass: String, Sendable, Hashable, CaseIterable {
  /// Nodes with constant inputs become initializers.
  case constantFolding
  /// Operators take over the work of the node behind them: a convolution its activation.
  case fusion
  /// Operations on numbers of one shape that feed each other go over memory together.
  case chains
  /// Nodes whose outputs nobody uses go, and so do such outputs of others.
  case deadNodes
}
