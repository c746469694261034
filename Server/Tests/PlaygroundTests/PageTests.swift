import Hummingbird
import HummingbirdTesting
import Logging
import Serving
import Testing

@testable import Playground

struct PageTests {
  @Test func theFrontPageIsServed() async throws {
    let server = try InferenceServer(
      ServerOptions(folder: "../models"), logger: Logger(label: "test"))
    let router = server.router()
    try PlaygroundServer(server).addRoutes(to: router)
    try await server.application(router).test(.router) { client in
      try await client.execute(uri: "/", method: .get) { response in
        #expect(response.status == .ok)
        #expect(String(buffer: response.body).contains("<main"))
      }
    }
  }
}
