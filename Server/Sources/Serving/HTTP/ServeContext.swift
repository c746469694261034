import Hummingbird
import Logging

/// The context of a request.
public struct ServeContext: RequestContext {
  /// What Hummingbird keeps for each request.
  public var coreContext: CoreRequestContextStorage

  /// Identifies the connection.
  let channel: ObjectIdentifier

  /// Creates the context of a request.
  public init(source: Source) {
    coreContext = .init(source: source)
    channel = ObjectIdentifier(source.channel)
  }
}
