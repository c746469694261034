import Hummingbird
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Write.
  func addWriteRoutes(to group: RouterGroup<ServeContext>) {
  }
}
