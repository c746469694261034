import ArgumentParser
import Foundation
import NIOCore
import Playground
import Serving

/// Serves the models of a folder over HTTP, with a playground at `/`.
@main
struct OnnxServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-serve",
    abstract: "Serves the models of a folder over HTTP, with a playground at /.",
    discussion: """
      The protocol is the Open Inference Protocol, version 2, with binary tensors and the model \
      repository extension: KServe's and Triton's clients work with it. Models are read when the \
      server starts and when their files change.

      Example: onnx-serve models --port 8080
      """,
    version: "onnx-serve \(serverVersion)")

  @Argument(help: "The folder of models: NAME.onnx, or NAME/VERSION/model.onnx.")
  var folder: String

  @OptionGroup(title: "Address")
  var address: AddressOptions

  @OptionGroup(title: "Scheduling")
  var scheduling: SchedulingOptions

  @OptionGroup(title: "Limits")
  var limits: LimitOptions

  @OptionGroup(title: "Text")
  var text: TextOptions

  @Option(help: "A folder of MNIST for the playground.")
  var mnist: String?

  @OptionGroup(title: "Connections")
  var connections: ConnectionOptions

  @OptionGroup(title: "Logs")
  var logs: LogOptions

  func run() async throws {
    // A loop for each two CPUs: reading and writing takes less time than the rest of an answer, and more
    // loops cost switches between threads.
    NIOSingletons.groupLoopCountSuggestion = max(
      1, ProcessInfo.processInfo.activeProcessorCount / 2)
    let options = try options
    let logger = logs.logger()
    let server = try InferenceServer(options, logger: logger)
    if options.token == nil, !options.isLoopback {
      logger.warning("everybody who reaches \(options.host) may use this server: it has no token")
    }
    for entry in server.repository.index where !entry.reason.isEmpty {
      logger.warning("\(entry.name), version \(entry.version), cannot be loaded: \(entry.reason)")
    }
    let router = server.router()
    try PlaygroundServer(server, mnist: mnist).addRoutes(to: router)
    try await server.run(router) { port in
      let names = server.repository.names
      let host = options.host.contains(":") ? "[\(options.host)]" : options.host
      let models = names.isEmpty ? "no models" : names.joined(separator: ", ")
      print("onnx-serve \(serverVersion) at http://\(host):\(port) serves \(models)")
      fflush(nil)
    }
  }

  private var options: ServerOptions {
    get throws {
      var options = ServerOptions(folder: folder)
      try address.set(&options)
      scheduling.set(&options)
      limits.set(&options)
      text.set(&options)
      connections.set(&options)
      return options
    }
  }
}
