import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import Serving

struct HealthTests {
  @Test func aServerIsLive() async throws {
    let server = try InferenceServer(
      ServerOptions(folder: "../models"), logger: Logger(label: "test"))
    try await server.application(server.router()).test(.router) { client in
      try await client.execute(uri: "/v2/health/live", method: .get) { response in
        #expect(response.status == .ok)
      }
    }
  }
}
