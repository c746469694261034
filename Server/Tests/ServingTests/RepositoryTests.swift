import Foundation
import HummingbirdTesting
import ONNX
import Testing

@testable import Serving

struct RepositoryTests {
  @Test func modelsAreFilesOrFoldersOfVersions() async throws {
    let folder = try TestFolder()
    try folder.identity("a.onnx", .float32)
    try folder.identity("b/2/model.onnx", .float32)
    try folder.identity("b/10/model.onnx", .int64)
    try folder.identity("b/0/model.onnx", .int64)
    try folder.identity("b/01/model.onnx", .int64)
    try folder.identity("b/other/model.onnx", .int64)
    try folder.identity(".hidden.onnx", .int64)
    try folder.write("notes.txt", text: "no model")
    let repository = try ModelRepository(folder.options)
    #expect(repository.names == ["a", "b"])
    #expect(repository.versions(of: "b") == ["2", "10"])
    #expect(try repository.model("b").version == "10")
    #expect(
      try repository.model("b", version: "2").session.inputs[0].type?.tensorType?.elementType
        == .float32)
    for (name, version) in [("c", nil), ("a", "2"), ("../a", nil), ("b", "01"), ("b", "../2")] {
      #expect(throws: ServingError.self) { try repository.model(name, version: version) }
    }
  }

  @Test func changesOfFilesAreFollowed() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32)
    let repository = try ModelRepository(folder.options)
    let first = try repository.model("m")
    #expect(await repository.refresh().isEmpty)

    try folder.identity("m.onnx", .int64)
    try folder.identity("n.onnx", .int64)
    #expect(
      await repository.refresh().map(\.description) == [
        "loaded m, version 1", "loaded n, version 1",
      ])
    #expect(try repository.model("m") !== first)

    try folder.write("m.onnx", text: "no model")
    #expect(await repository.refresh().count == 1)
    #expect(await repository.refresh().isEmpty)
    #expect(try repository.model("m").session.inputs[0].type?.tensorType?.elementType == .int64)
    let entry = try #require(repository.index.first)
    #expect(entry.state == "READY" && !entry.reason.isEmpty)

    try FileManager.default.removeItem(atPath: folder.path + "/m.onnx")
    #expect(await repository.refresh().map(\.description) == ["removed m, version 1"])
    #expect(repository.names == ["n"])
  }

  @Test func aBrokenModelDoesNotKeepOthersFromLoading() async throws {
    let folder = try TestFolder()
    try folder.write("a.onnx", text: "no model")
    try folder.identity("b.onnx", .float32)
    try folder.identity("c.onnx", .float8e4m3fn)
    let repository = try ModelRepository(folder.options)
    #expect(repository.names == ["b"])
    let states = repository.index.map { "\($0.name) \($0.state)" }
    #expect(states == ["a UNAVAILABLE", "b READY", "c UNAVAILABLE"])
    #expect(repository.index[2].reason.contains("float8e4m3fn"))
  }

  @Test func linksOutOfTheFolderAreNotFollowed() async throws {
    let outside = try TestFolder()
    try outside.identity("secret.onnx", .float32)
    try outside.identity("secret/1/model.onnx", .float32)
    let folder = try TestFolder()
    try folder.identity("inside.onnx", .float32)
    for (link, target) in [
      ("a.onnx", outside.path + "/secret.onnx"), ("b", outside.path + "/secret"),
      ("c.onnx", "inside.onnx"), ("d.onnx", "/dev/zero"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder.path)/\(link)", withDestinationPath: target)
    }
    let repository = try ModelRepository(folder.options)
    #expect(repository.names == ["c", "inside"])
    #expect(repository.index.first?.reason.contains("leads out of the folder") == true)
  }

  @Test func theNumberOfModelsIsLimited() async throws {
    let folder = try TestFolder()
    for name in ["a", "b", "c"] { try folder.identity("\(name).onnx", .float32) }
    var options = folder.options
    options.maxModels = 2
    let repository = try ModelRepository(options)
    #expect(repository.names == ["a", "b"])
    await #expect(throws: ServingError.self) { try await repository.load("c") }
    try await repository.unload("a")
    try await repository.load("c")
    #expect(repository.names == ["b", "c"])
  }

  @Test func modelsAreUnloadedAndLoadedOnRequest() async throws {
    let folder = try TestFolder()
    try folder.identity("m.onnx", .float32)
    try folder.write("broken.onnx", text: "no model")
    try await withServer(folder.options) { server in
      let body = #"{"parameters":{"unload_dependents":false}}"#
      #expect(try await server.post("/v2/repository/models/m/unload", body).status == .ok)
      #expect(try await server.get("/v2/models/m/ready").status == .notFound)
      #expect(try await server.post("/v2/models/m/infer", "{}").status == .notFound)
      #expect(await server.server.repository.refresh().isEmpty)
      #expect(try await server.post("/v2/repository/index", #"{"ready":true}"#).text == "[]")
      #expect(try await server.post("/v2/repository/models/m/load").status == .ok)
      #expect(try await server.get("/v2/models/m/ready").status == .ok)

      for (path, body, status) in [
        ("models/other/load", "", 404), ("models/other/unload", "", 404),
        ("models/broken/load", "", 400), ("models/..%2Fm/load", "", 404),
        ("models/m/load", #"{"parameters":{"file:1/model.onnx":"AA"}}"#, 400),
        ("models/m/load", "[", 400), ("index", #"{"ready":1}"#, 400), ("index", #"{"a":1}"#, 400),
      ] {
        let response = try await server.post("/v2/repository/" + path, body)
        #expect(response.status.code == status, "\(path) \(response.text)")
        #expect(response.text.hasPrefix(#"{"error":""#))
      }
    }
  }
}
