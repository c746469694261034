import Hummingbird
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Train.
  func addTrainRoutes(to group: RouterGroup<ServeContext>) {
  }
}
