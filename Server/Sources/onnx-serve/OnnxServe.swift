import ArgumentParser
import Logging
import Playground
import Serving

/// Serves the models of a folder over HTTP, with a playground at `/`.
@main
struct OnnxServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-serve",
    abstract: "Serves the models of a folder over HTTP, with a playground at /.")

  @Argument(help: "The folder of models: NAME.onnx, or NAME/VERSION/model.onnx.")
  var folder: String

  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"

  @Option(help: "The port to listen on.")
  var port = 8080

  @Option(help: "A folder of MNIST for the playground.")
  var mnist: String?

  @OptionGroup(title: "Connections")
  var connections: ConnectionOptions

  func run() async throws {
    var options = ServerOptions(folder: folder)
    options.host = host
    options.port = port
    connections.apply(to: &options)
    let server = try InferenceServer(options, logger: Logger(label: "onnx-serve"))
    let router = server.router()
    try PlaygroundServer(server, mnist: mnist).addRoutes(to: router)
    try await server.application(router).runService()
  }
}
