import Foundation
import Hummingbird
import HummingbirdCore
import NIOCore

extension InferenceServer {
  /// Limits on the fields of a request's head: nothing that speaks the protocol comes near them.
  private static let headLimits = HTTP1Channel.Configuration.DecoderConfiguration(
    maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)

  /// HTTP/1.1 with limits on each connection.
  func connections() -> HTTPServerBuilder {
    let limits = limits
    let configuration = HTTP1Channel.Configuration(
      additionalChannelHandlers: [ConnectionGuard(limits), clients.makeHandler()],
      idleTimeout: TimeAmount(options.idleTimeout), httpDecoderConfiguration: Self.headLimits)
    return HTTPServerBuilder { responder in
      AcceptedChannel(http: HTTP1Channel(responder: responder, configuration: configuration))
    }
  }

  /// The most connections that are open at once: further ones wait until one is closed.
  ///
  /// The limit of open files is raised as far as the system allows. Where it is still too low for
  /// `maxConnections`, it decides, since a server without file descriptors can do nothing at all.
  func connectionLimit() -> Int {
    let files = openFileLimit()
    let fitting = max(files - Self.reservedFiles, files / 2)
    guard options.maxConnections > fitting else { return options.maxConnections }
    logger.warning(
      """
      the limit of \(files) open files leaves room for \(fitting) connections, fewer than the \
      \(options.maxConnections) that are asked for
      """)
    return fitting
  }

  /// Files that are open besides connections: models as they are read, pipes, event loops.
  private static let reservedFiles = 128
}

/// The most files that this process may have open, raised to what the system allows.
private func openFileLimit() -> Int {
  #if os(Linux)
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    let kind = RLIMIT_NOFILE
  #endif
  var limit = rlimit()
  guard getrlimit(kind, &limit) == 0 else { return 256 }
  if limit.rlim_cur < limit.rlim_max {
    var raised = limit
    raised.rlim_cur = limit.rlim_max
    if setrlimit(kind, &raised) == 0 { limit = raised }
  }
  return Int(clamping: limit.rlim_cur)
}
