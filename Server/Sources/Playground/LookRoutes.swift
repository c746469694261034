import Hummingbird
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Look.
  func addLookRoutes(to group: RouterGroup<ServeContext>) {
  }
}
