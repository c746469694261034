import Hummingbird

/// Refuses requests that other web pages have made, and those without the token.
struct AccessMiddleware: RouterMiddleware {
  private let token: String?
  private let isLoopback: Bool
  private let hostNames: Set<String>

  private static let cookie = "onnx-serve-token"
  private static let open: Set<String> = ["/v2/health/live", "/v2/health/ready"]

  init(_ options: ServerOptions) {
    token = options.token
    isLoopback = options.isLoopback
    hostNames = Set(options.hostNames.map { $0.lowercased() })
  }

  func handle(
    _ request: Request, context: ServeContext,
    next: (Request, ServeContext) async throws -> Response
  ) async throws -> Response {
    try checkOrigin(request)
    guard let token, !Self.open.contains(request.uri.path) else {
      return try await next(request, context)
    }
    if let response = signIn(request, token) { return response }
    guard given(request).contains(where: { Self.isEqual($0, token) }) else {
      var response = Response(
        status: .unauthorized,
        json: [
          "error":
            "the request needs the server's token: the header 'Authorization: Bearer TOKEN', or in a "
            + "browser the page /?token=TOKEN once"
        ])
      response.headers[.wwwAuthenticate] = "Bearer"
      return response
    }
    return try await next(request, context)
  }

  // MARK: The origin

  /// A page of another site can have a browser send requests to this server. The browser states the
  /// page's origin; where the site's name leads to the loopback interface, it states that name as host.
  private func checkOrigin(_ request: Request) throws {
    let host = request.head.authority?.lowercased()
    if let host, !allows(host: host) {
      throw ServingError(
        .forbidden,
        "the host \(quoted(host)) is none of this server's; start it with --host-name to allow it")
    }
    if let origin = request.headers[.origin]?.lowercased() {
      let authority = origin.firstRange(of: "://").map { String(origin[$0.upperBound...]) }
      guard let authority, authority == host || hostNames.contains(Self.name(authority)) else {
        throw ServingError(.forbidden, "pages of \(quoted(origin)) may not use this server")
      }
    }
  }

  /// Whether requests may name this host, which may have a port.
  func allows(host: String) -> Bool {
    let name = Self.name(host)
    return !isLoopback || Self.isLoopback(name) || hostNames.contains(name)
  }

  /// The name of a host, without its port.
  private static func name(_ authority: String) -> String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      return String(authority[authority.index(after: authority.startIndex)..<end])
    }
    return String(authority.prefix { $0 != ":" })
  }

  /// Whether a name is one of the loopback interface.
  fileprivate static func isLoopback(_ name: String) -> Bool {
    name == "localhost" || name == "::1"
      || (name.hasPrefix("127.") && name.allSatisfy { $0.isNumber || $0 == "." })
  }

  // MARK: The token

  /// The answer to a browser that has the token in the address of the page: it is kept in a cookie,
  /// and taken from the address.
  private func signIn(_ request: Request, _ token: String) -> Response? {
    guard request.method == .get, request.uri.path == "/",
      let given = request.uri.queryParameters["token"], Self.isEqual(String(given), token)
    else { return nil }
    return Response(
      status: .seeOther,
      headers: [
        .location: "/", .cacheControl: "no-store",
        .setCookie: "\(Self.cookie)=\(token); Path=/; HttpOnly; SameSite=Strict",
      ])
  }

  /// The tokens that the request states.
  private func given(_ request: Request) -> [String] {
    let cookie = request.cookies[Self.cookie]?.value
    let header = request.headers[.authorization].flatMap { text -> String? in
      let parts = text.split(separator: " ", maxSplits: 1)
      return parts.count == 2 && parts[0].lowercased() == "bearer" ? String(parts[1]) : nil
    }
    return [header, cookie].compactMap(\.self)
  }

  /// Whether two texts are equal. The time depends on the length only.
  static func isEqual(_ given: String, _ token: String) -> Bool {
    let given = Array(given.utf8)
    let token = Array(token.utf8)
    guard given.count == token.count else { return false }
    return zip(given, token).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension ServerOptions {
  /// Whether the server can be reached from this machine only.
  public var isLoopback: Bool { AccessMiddleware.isLoopback(host.lowercased()) }
}
