import Hummingbird
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Draw.
  func addDrawRoutes(to group: RouterGroup<ServeContext>) {
  }
}
