import ArgumentParser
import Serving

/// The limits of connections on the command line.
struct ConnectionOptions: ParsableArguments {
  @Option(help: "The most connections that are open at once; further ones wait.")
  var maxConnections: Int?

  @Option(help: "Seconds after which a connection without traffic is closed.")
  var idleTimeout: Double?

  @Option(help: "Seconds that a request may take to arrive, and a response to be read.")
  var transferTimeout: Double?

  func validate() throws {
    if let maxConnections, maxConnections < 1 {
      throw ValidationError("--max-connections \(maxConnections) is less than 1")
    }
    for (name, seconds) in [("idle", idleTimeout), ("transfer", transferTimeout)] {
      if let seconds, !(0.001...86_400).contains(seconds) {
        throw ValidationError("--\(name)-timeout \(seconds) is not between 0.001 and 86400 seconds")
      }
    }
  }

  /// Sets the limits that were given.
  func set(_ options: inout ServerOptions) {
    if let maxConnections { options.maxConnections = maxConnections }
    if let idleTimeout { options.idleTimeout = .seconds(idleTimeout) }
    if let transferTimeout { options.transferTimeout = .seconds(transferTimeout) }
  }
}
