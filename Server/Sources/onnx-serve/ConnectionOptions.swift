import ArgumentParser
import Serving

/// What connections may cost.
struct ConnectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The most connections that are open at once; further ones wait.", valueName: "connections"))
  var maxConnections = 16_384

  @Option(
    help: ArgumentHelp(
      "The time after which a connection without traffic is closed.", valueName: "seconds"))
  var idleTimeout = 60.0

  @Option(
    help: ArgumentHelp(
      "The longest that a request may take to arrive, and that a response may wait for its client.",
      valueName: "seconds"))
  var transferTimeout = 60.0

  @Option(
    help: ArgumentHelp(
      "The most bytes of the bodies of all requests that are not answered yet; further bodies are "
        + "refused.", valueName: "bytes"))
  var maxBodies = 1 << 30

  @Option(
    help: ArgumentHelp(
      "How long connections are still accepted after SIGTERM, while the server is not ready.",
      valueName: "seconds"))
  var drainDelay = 0.2

  @Option(
    help: ArgumentHelp("The longest that answers may take after that.", valueName: "seconds"))
  var stopTimeout = 30.0

  func validate() throws {
    try check(maxConnections, in: 1...10_000_000, "--max-connections")
    try check(idleTimeout, in: 0.001...86_400, "--idle-timeout")
    try check(transferTimeout, in: 0.001...86_400, "--transfer-timeout")
    try check(drainDelay, in: 0...86_400, "--drain-delay")
    try check(stopTimeout, in: 0.1...86_400, "--stop-timeout")
    try check(maxBodies, in: 1024...(1 << 50), "--max-bodies")
  }

  func set(_ options: inout ServerOptions) {
    options.maxConnections = maxConnections
    options.idleTimeout = .seconds(idleTimeout)
    options.transferTimeout = .seconds(transferTimeout)
    options.maxBodies = maxBodies
    options.drainDelay = .seconds(drainDelay)
    options.stopTimeout = .seconds(stopTimeout)
  }
}
