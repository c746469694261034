import ArgumentParser
import Foundation
import Serving

/// Where the server listens, and to whom.
struct AddressOptions: ParsableArguments {
  @Option(help: "The address to listen on. The default is reachable from this machine only.")
  var host = "127.0.0.1"

  @Option(help: "The port to listen on; 0 for any free one.")
  var port = 8080

  #if GRPC
    @Option(help: "The port to listen on for gRPC, without TLS; 0 for any free one.")
    var grpcPort: Int?
  #endif

  @Option(
    help: ArgumentHelp(
      "A name besides those of this machine by which browsers reach the server; may be repeated.",
      valueName: "name"))
  var hostName: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file with the token that every request must have; the environment variable "
        + "ONNX_SERVE_TOKEN may hold it instead.", valueName: "file"))
  var tokenFile: String?

  func validate() throws {
    guard !host.isEmpty else { throw ValidationError("--host: expected an address, found ''") }
    try check(port, in: 0...65535, "--port")
    #if GRPC
      if let grpcPort { try check(grpcPort, in: 0...65535, "--grpc-port") }
    #endif
  }

  func set(_ options: inout ServerOptions) throws {
    options.host = host
    options.port = port
    #if GRPC
      options.grpcPort = grpcPort
    #endif
    options.hostNames = hostName
    options.token = try token()
  }

  private func token() throws -> String? {
    let variable = ProcessInfo.processInfo.environment["ONNX_SERVE_TOKEN"]
    guard let tokenFile else {
      return try variable.map { try checked($0, "ONNX_SERVE_TOKEN") }
    }
    guard variable == nil else {
      throw ValidationError("both --token-file and ONNX_SERVE_TOKEN are given; expected one")
    }
    guard let text = try? String(contentsOfFile: tokenFile, encoding: .utf8) else {
      throw ValidationError("--token-file: '\(tokenFile)' cannot be read")
    }
    return try checked(text.trimmingCharacters(in: .whitespacesAndNewlines), "--token-file")
  }

  /// A token must be one in a header and in a cookie.
  private func checked(_ token: String, _ source: String) throws -> String {
    let allowed = token.utf8.allSatisfy { byte in
      UInt8(ascii: "!")...UInt8(ascii: "~") ~= byte && !"\"%&+,;=\\".utf8.contains(byte)
    }
    guard allowed, 8...512 ~= token.utf8.count else {
      throw ValidationError(
        "\(source): expected a token of 8 to 512 letters, digits and signs other than \"%&+,;=\\")
    }
    return token
  }
}

/// How requests become runs.
struct SchedulingOptions: ParsableArguments {
  @Option(help: "Threads that run models; as many as there are CPUs if not given.")
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "The longest that a request waits for others to join its batch.", valueName: "milliseconds"))
  var maxDelay = 2.0

  @Option(help: ArgumentHelp("The most samples in a batch.", valueName: "samples"))
  var maxBatch = 32

  @Option(
    help: ArgumentHelp(
      "The most requests that wait for a model; further ones are refused.", valueName: "requests"))
  var maxQueue = 256

  @Option(
    help: ArgumentHelp(
      "The longest that a request may take, waiting included.", valueName: "seconds"))
  var timeout = 30.0

  @Option(
    help: ArgumentHelp(
      "The time after which the state of a text that nobody continues is forgotten.",
      valueName: "seconds"))
  var stateLifetime = 300.0

  func validate() throws {
    if let threads { try check(threads, in: 1...1024, "--threads") }
    try check(maxDelay, in: 0...10_000, "--max-delay")
    try check(maxBatch, in: 1...65_536, "--max-batch")
    try check(maxQueue, in: 1...1_000_000, "--max-queue")
    try check(timeout, in: 0.001...86_400, "--timeout")
    try check(stateLifetime, in: 1...604_800, "--state-lifetime")
  }

  func set(_ options: inout ServerOptions) {
    options.threads = threads
    options.maxDelay = .milliseconds(maxDelay)
    options.maxBatch = maxBatch
    options.maxQueue = maxQueue
    options.timeout = .seconds(timeout)
    options.stateLifetime = .seconds(stateLifetime)
  }
}

/// What requests may ask for.
struct LimitOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The most bytes of a request's body.", valueName: "bytes"))
  var maxBody = 64 << 20

  @Option(
    help: ArgumentHelp(
      "The most elements of all inputs of a request, and of all its outputs.",
      valueName: "elements"))
  var maxElements = 64 << 20

  @Option(
    help: ArgumentHelp(
      "The most bytes that the weights of a model and the values of one run may take together; 80 % "
        + "of the memory that the machine has left if not given.", valueName: "bytes"))
  var maxMemory: Int?

  @Option(help: ArgumentHelp("The most models that are loaded at once.", valueName: "models"))
  var maxModels = 64

  func validate() throws {
    try check(maxBody, in: 1024...(1 << 40), "--max-body")
    try check(maxElements, in: 1...(1 << 40), "--max-elements")
    if let maxMemory { try check(maxMemory, in: (1 << 20)...(1 << 50), "--max-memory") }
    try check(maxModels, in: 1...100_000, "--max-models")
  }

  func set(_ options: inout ServerOptions) {
    options.maxBody = maxBody
    options.maxElements = maxElements
    options.maxMemory = maxMemory
    options.maxModels = maxModels
  }
}

func check<T: Comparable>(_ value: T, in range: ClosedRange<T>, _ flag: String) throws {
  guard range.contains(value) else {
    throw ValidationError(
      "\(flag): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
  }
}
