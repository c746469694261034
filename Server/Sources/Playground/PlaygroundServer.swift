import Foundation
import Hummingbird
import Serving

/// The playground: its pages at `/`, and what they ask for below `/playground`.
public struct PlaygroundServer: Sendable {
  let server: InferenceServer
  let mnist: String?
  private let files: WebFiles

  /// - Parameter mnist: a folder of MNIST's four files
  /// - Throws: `ServingError` for files that are missing
  public init(_ server: InferenceServer, mnist: String? = nil) throws {
    if let mnist, !FileManager.default.fileExists(atPath: mnist) {
      throw ServingError(.internalServerError, "the folder of MNIST, '\(mnist)', does not exist")
    }
    self.server = server
    self.mnist = mnist
    files = try WebFiles()
  }

  /// Adds the routes of all pages.
  public func addRoutes(to router: Router<ServeContext>) {
    files.addRoutes(to: router)
    let group = router.group("playground")
    addDrawRoutes(to: group)
    addTrainRoutes(to: group)
    addWriteRoutes(to: group)
    addLookRoutes(to: group)
  }
}
