import Foundation
import HTTPTypes
import HummingbirdTesting
import ONNX
import Testing

@testable import Serving

struct ProtocolTests {
  @Test func theVersionIsThatOfTheTools() throws {
    let source = try String(contentsOfFile: "../Sources/ToolSupport/Version.swift", encoding: .utf8)
    #expect(source.contains("toolVersion = \"\(serverVersion)\""))
  }

  @Test func metadataStatesNamesTypesAndShapes() async throws {
    let folder = try TestFolder()
    try folder.write(
      "m.onnx", .float32, [.symbol("N"), 4], .string, [.unknown],
      [Node("Cast", inputs: ["x"], outputs: ["y"], attributes: [.int("to", 8)])])
    try folder.identity("any.onnx", .bool, Shape(rank: 0))
    let expected = [
      "/v2":
        #"{"extensions":["binary_tensor_data","classification","generate","model_configuration","#
        + #""model_repository"],"name":"onnx-serve","version":"\#(serverVersion)"}"#,
      "/v2/models/m": #"{"inputs":[{"datatype":"FP32","name":"x","shape":[-1,4]}],"name":"m","#
        + #""outputs":[{"datatype":"BYTES","name":"y","shape":[-1]}],"platform":"onnx","#
        + #""versions":["1"]}"#,
      "/v2/models/any/versions/1": #"{"inputs":[{"datatype":"BOOL","name":"x","shape":[]}],"#
        + #""name":"any","outputs":[{"datatype":"BOOL","name":"y","shape":[]}],"#
        + #""platform":"onnx","versions":["1"]}"#,
      "/v2/models/m/config": #"{"input":[{"data_type":"TYPE_FP32","dims":[-1,4],"name":"x"}],"#
        + #""max_batch_size":0,"name":"m","output":[{"data_type":"TYPE_STRING","dims":[-1],"#
        + #""name":"y"}],"platform":"onnx"}"#,
      "/v2/models/m/ready": #"{"name":"m","ready":true}"#,
      "/v2/models/m/versions/2": #"{"error":"no model 'm' of version '2' is loaded"}"#,
      "/v2/health/ready": #"{"live":true,"ready":true}"#,
    ]
    try await withServer(folder.options) { server in
      for (path, text) in expected {
        let response = try await server.get(path)
        #expect(response.text == text)
      }
    }
  }

  @Test func otherRoutesMethodsAndTypesAreRefused() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32)
    try await withServer(folder.options) { server in
      for (method, path, headers, status) in [
        (.get, "/v3", [:], 404), (.get, "/v2/models", [:], 404), (.get, "/v2/models/%FF", [:], 400),
        (.get, "/v2/models/..%2f..%2fetc", [:], 404), (.post, "/v2/models/m", [:], 405),
        (.get, "/v2/models/m/infer", [:], 405), (.delete, "/v2/repository/index", [:], 405),
        (.post, "/v2/models/m/infer", [.contentType: "text/plain"], 415),
        (.post, "/v2/models/m/infer", [.contentEncoding: "gzip"], 415),
        (.post, "/v2/repository/models/m/unload", [.contentType: "text/plain"], 415),
      ] as [(HTTPRequest.Method, String, HTTPFields, Int)] {
        let response = try await server.client.execute(
          uri: path, method: method, headers: headers
        ) { $0 }
        #expect(response.status.code == status, "\(method) \(path)")
        #expect(response.text.hasPrefix(#"{"error":""#), "\(method) \(path): \(response.text)")
        #expect((response.headers[.allow] != nil) == (status == 405))
      }
    }
  }

  @Test func aTokenIsNeededForAllButHealth() async throws {
    let folder = try TestFolder()
    var options = folder.options
    options.token = "secret-token"
    try await withServer(options) { server in
      #expect(try await server.get("/v2/health/live").status == .ok)
      for path in ["/", "/v2", "/v2/health/../", "/v3", "/?token=secret", "/v2?token=secret-token"]
      {
        let response = try await server.get(path)
        #expect(response.status == .unauthorized, "\(path)")
        #expect(response.headers[.wwwAuthenticate] == "Bearer")
      }
      for (header, isRight) in [
        ("Bearer secret-token", true), ("bearer secret-token", true),
        ("Bearer secret-tokem", false),
        ("Basic secret-token", false), ("secret-token", false), ("Bearer ", false),
      ] {
        let response = try await server.get("/v2", headers: [.authorization: header])
        #expect(response.status == (isRight ? .ok : .unauthorized), "\(header)")
      }
      let response = try await server.get("/?token=secret-token")
      #expect(response.status == .seeOther && response.headers[.location] == "/")
      let cookie = try #require(response.headers[.setCookie])
      #expect(cookie == "onnx-serve-token=secret-token; Path=/; HttpOnly; SameSite=Strict")
      let pair = String(cookie.prefix { $0 != ";" })
      #expect(try await server.get("/v2", headers: [.cookie: pair]).status == .ok)
    }
  }

  @Test func pagesOfOtherSitesAreRefused() async throws {
    let folder = try TestFolder()
    try await withServer(folder.options) { server in
      // The client's host is "localhost".
      for (origin, status) in [
        ("http://localhost", 200), ("http://localhost:81", 403), ("https://example.com", 403),
        ("null", 403), ("http://127.evil.com", 403),
      ] {
        let response = try await server.get("/v2", headers: [.origin: origin])
        #expect(response.status.code == status, "\(origin)")
      }
    }
  }

  @Test(arguments: [
    ("localhost:8080", "127.0.0.1", true), ("127.0.0.1:1", "127.0.0.1", true),
    ("[::1]:8080", "::1", true), ("evil.com:8080", "127.0.0.1", false),
    ("127.evil.com", "localhost", false), ("models.test:80", "127.0.0.1", true),
    ("evil.com", "0.0.0.0", true),
  ])
  func hostsOfOthersAreRefusedOnLoopback(_ host: String, _ address: String, _ isAllowed: Bool) async
  {
    var options = ServerOptions(folder: ".")
    options.host = address
    options.hostNames = ["models.test"]
    #expect(AccessMiddleware(options).allows(host: host) == isAllowed)
  }
}
