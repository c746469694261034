/// The address, the limits and the timing of a server.
public struct ServerOptions: Sendable {
  /// The folder of models.
  public var folder: String
  /// The address to listen on. The default is the loopback interface, reachable from this machine only.
  public var host = "127.0.0.1"
  /// The port to listen on; 0 for any free one.
  public var port = 8080
  #if GRPC
    /// The port to listen on for gRPC; 0 for any free one, `nil` for none.
    public var grpcPort: Int?
  #endif
  /// Names besides those of the loopback interface by which browsers reach the server, such as that of
  /// a proxy on this machine.
  public var hostNames: [String] = []
  /// The bearer token that every request must have; `nil` for none. `/v2/health/…` needs none.
  public var token: String?

  /// Threads that run models; `nil` for as many as the CPUs that the process may use.
  public var threads: Int?
  /// The longest that a request waits for others to join its batch.
  public var maxDelay = Duration.milliseconds(2)
  /// The most samples in a batch.
  public var maxBatch = 32
  /// The most requests that wait for a model. Further ones are refused with status 429.
  public var maxQueue = 256
  /// The longest that a request may take, waiting included.
  public var timeout = Duration.seconds(30)
  /// The time after which the state of a text that nobody continues is forgotten.
  public var stateLifetime = Duration.seconds(300)

  /// The most texts whose state is kept.
  public var maxStates = 256
  /// The most bytes of the states of texts.
  public var maxStateBytes = 256 << 20
  /// The most tokens that a request for text may have, and the most that it may ask for.
  public var maxTokens = 16_384
  /// The time after SIGTERM during which connections are still accepted, so that a load balancer sees
  /// that the server is not ready any more.
  public var drainDelay = Duration.milliseconds(200)
  /// The longest that the server waits for its answers after SIGTERM.
  public var stopTimeout = Duration.seconds(30)

  /// The most bytes of a request's body.
  public var maxBody = 64 << 20
  /// The most bytes of the bodies of all requests that are not answered yet. A further body is
  /// refused with status 503.
  public var maxBodies = 1 << 30
  /// The most elements of all tensors of a request, and of all its outputs.
  public var maxElements = 64 << 20
  /// The most bytes that the weights of a model and the values of one run may take together; `nil`
  /// for 80 % of the memory that the machine has left.
  public var maxMemory: Int?
  /// The most models that are loaded at once.
  public var maxModels = 64
  /// The most connections that are open at once.
  public var maxConnections = 16_384
  /// The time after which a connection without traffic is closed.
  public var idleTimeout = Duration.seconds(60)
  /// The longest that a request's body may take to arrive, and that a response may wait for its
  /// client to read.
  public var transferTimeout = Duration.seconds(60)

  /// The default options.
  public init(folder: String) { self.folder = folder }
}
