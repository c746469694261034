import Hummingbird
import Logging

/// The context of a request.
public struct ServeContext: RequestContext {
  public var coreContext: CoreRequestContextStorage

  public init(source: Source) { coreContext = .init(source: source) }
}
