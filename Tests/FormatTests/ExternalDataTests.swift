import Glibc
import ONNX
import Testing

@Suite struct ExternalDataTests {
  private let folder: TemporaryFolder
  private let data: [UInt8] = [9, 9, 9, 9, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]

  init() throws { folder = try TemporaryFolder() }

  private func external(_ location: String?, offset: String? = "4", length: String? = "8") -> Wire {
    var tensor = Wire().varint(1, 2).varint(2, 1).text(8, "w").varint(14, 1)
    for (key, value) in [("location", location), ("offset", offset), ("length", length)] {
      if let value { tensor = tensor.message(13, Wire().text(1, key).text(2, value)) }
    }
    return tensor
  }

  private func load(_ tensor: Wire, _ options: ReadingOptions = .init()) throws -> Tensor {
    let path = try folder.write(tensor.asInitializer.bytes, to: "model.onnx")
    return try Model(contentsOf: path, options: options).graph.initializers[0].tensor
  }

  private func error(_ tensor: Wire, _ options: ReadingOptions = .init()) -> String {
    do {
      _ = try load(tensor, options)
      return ""
    } catch { return "\(error)" }
  }

  @Test func readFromTheModelsFolder() throws {
    try folder.write(data, to: "data.bin")
    let expected = Tensor(shape: [2], [1, 2] as [Float])
    #expect(try load(external("data.bin")) == expected)
    #expect(try load(external("./data.bin", length: nil)) == expected)
    try folder.write(Array(data[4...]), to: "rest.bin")
    #expect(try load(external("rest.bin", offset: nil, length: nil)) == expected)
    // A symbolic link to the model: the folder is that of the model itself.
    let other = try TemporaryFolder()
    symlink(folder.path("model.onnx"), other.path("link.onnx"))
    #expect(
      try Model(contentsOf: other.path("link.onnx")).graph.initializers[0].tensor == expected)
    // A symbolic link that stays in the folder is allowed.
    symlink("rest.bin", folder.path("inner.bin"))
    #expect(try load(external("inner.bin", offset: nil)) == expected)
  }

  @Test func largeTensorsAreReadByManyThreads() throws {
    let count = 3 << 20
    let values = (0..<count).map { Float($0 % 1000) }
    let bytes = values.withUnsafeBytes(Array.init)
    let expected = Tensor(shape: [count], values)
    let header = Wire().varint(1, Int64(count)).varint(2, 1).text(8, "w")
    try folder.write([1, 2, 3, 4] + bytes, to: "large.bin")
    let outside = header.varint(14, 1)
      .message(13, Wire().text(1, "location").text(2, "large.bin"))
      .message(13, Wire().text(1, "offset").text(2, "4"))
    var options = ReadingOptions()
    for threads in [1, 2, 5] {
      options.threads = threads
      #expect(try load(header.bytes(9, bytes), options) == expected)
      #expect(try load(outside, options) == expected)
    }
  }

  @Test func inEveryPlaceThatHoldsTensors() throws {
    try folder.write(data, to: "data.bin")
    let tensor = external("data.bin")
    let indices = Wire().varint(1, 1).varint(2, 7).varint(7, 0)
    let sparse = Wire().message(1, tensor).message(2, indices).varint(3, 2)
    let graph = Wire().message(5, tensor)
    let places = [
      Wire().text(1, "a").varint(20, 4).message(5, tensor).asAttribute,
      Wire().text(1, "a").varint(20, 9).message(10, tensor).asAttribute,
      Wire().text(1, "a").varint(20, 5).message(6, graph).asAttribute,
      Wire().text(1, "a").varint(20, 11).message(22, sparse).asAttribute,
      Wire().message(15, sparse).asGraph,
      Wire().message(7, Wire()).message(20, Wire().message(1, graph)),
      Wire().message(7, Wire()).message(
        25,
        Wire().text(1, "F").message(
          7, Wire().text(4, "C").message(5, Wire().text(1, "v").varint(20, 4).message(5, tensor)))),
    ]
    for place in places {
      let path = try folder.write(place.bytes, to: "place.onnx")
      _ = try Model(contentsOf: path)
      unlink(folder.path("data.bin"))
      #expect(throws: FormatError.self) { _ = try Model(contentsOf: path) }
      try folder.write(data, to: "data.bin")
    }
    let path = try folder.write(tensor.bytes, to: "tensor.pb")
    #expect(try Value(contentsOf: path).tensor?.count == 2)
    #expect(throws: FormatError.self) { _ = try Value(serialized: tensor.bytes) }
    #expect(throws: FormatError.self) { _ = try Model(serialized: tensor.asInitializer.bytes) }
  }

  @Test func namesThatLeaveTheFolder() throws {
    let outside = try TemporaryFolder()
    try outside.write(data, to: "data.bin")
    let name = outside.path.split(separator: "/").last ?? ""
    #expect(error(external("../\(name)/data.bin")).contains("'..' is not allowed"))
    #expect(error(external("a/../data.bin")).contains("'..' is not allowed"))
    #expect(error(external(outside.path("data.bin"))).contains("absolute path is not allowed"))
    #expect(error(external("")).contains("no location"))
    #expect(error(external(nil)).contains("no location"))
    #expect(error(external("none.bin")).contains("No such file"))
    mkdir(folder.path("sub"), 0o700)
    #expect(error(external("sub")).contains("is a directory"))
    mkfifo(folder.path("pipe"), 0o600)
    #expect(error(external("pipe")).contains("pipe"))
  }

  @Test func linksThatLeaveTheFolder() throws {
    let outside = try TemporaryFolder()
    try outside.write(data, to: "data.bin")
    symlink(outside.path("data.bin"), folder.path("symbolic.bin"))
    symlink(outside.path, folder.path("sub"))
    link(outside.path("data.bin"), folder.path("hard.bin"))
    var options = ReadingOptions()
    options.allowsHardLinks = true
    #expect(error(external("symbolic.bin"), options).contains("leads out of the model's folder"))
    #expect(error(external("sub/data.bin"), options).contains("leads out of the model's folder"))
    #expect(error(external("hard.bin")).contains("hard links"))
    #expect(try load(external("hard.bin"), options).count == 2)
    options.allowsLinksOutside = true
    #expect(try load(external("symbolic.bin"), options).count == 2)
    options.allowsHardLinks = false
    #expect(error(external("symbolic.bin"), options).contains("hard links"))
  }

  @Test func linksOfACache() throws {
    // As a cache lays files out: a folder of links, and one of files with other names.
    let model = external("model.onnx_data").asInitializer.bytes
    try folder.write(model, to: "blobs/aaa")
    try folder.write(data, to: "blobs/bbb")
    try folder.write([1, 2], to: "elsewhere/ccc")
    for (name, up) in [("snapshots/x", "../.."), ("snapshots/x/onnx", "../../..")] {
      try folder.makeFolder(name)
      symlink("\(up)/blobs/aaa", folder.path("\(name)/model.onnx"))
      symlink("\(up)/blobs/bbb", folder.path("\(name)/model.onnx_data"))
      let read = try Model(contentsOf: folder.path("\(name)/model.onnx"))
      #expect(read.graph.initializers[0].tensor == Tensor(shape: [2], [1, 2] as [Float]))
    }
    // A link to the cache's link.
    let home = try TemporaryFolder()
    symlink(folder.path("snapshots/x/model.onnx"), home.path("m.onnx"))
    #expect(try Model(contentsOf: home.path("m.onnx")).graph.initializers[0].tensor.count == 2)
    unlink(folder.path("snapshots/x/model.onnx_data"))
    symlink("../../elsewhere/ccc", folder.path("snapshots/x/model.onnx_data"))
    let error = #expect(throws: FormatError.self) {
      _ = try Model(contentsOf: folder.path("snapshots/x/model.onnx"))
    }
    #expect(error?.description.contains("--allow-links-outside") == true)
  }

  @Test func ofAModelInMemory() throws {
    try folder.write(data, to: "data.bin")
    let bytes = external("data.bin").asInitializer.bytes
    let error = #expect(throws: FormatError.self) { _ = try Model(serialized: bytes) }
    #expect(error?.description.contains("--external-dir") == true)
    var options = ReadingOptions()
    options.externalFolder = folder.path
    let elsewhere = try TemporaryFolder()
    for model in [
      try Model(serialized: bytes, options: options),
      try Model(serialized: bytes, externalFolder: folder.path),
      try Model(contentsOf: elsewhere.write(bytes, to: "model.onnx"), options: options),
    ] {
      #expect(model.graph.initializers[0].tensor.count == 2)
    }
  }

  @Test func rangesThatDoNotFit() throws {
    try folder.write(data, to: "data.bin")
    #expect(error(external("data.bin", offset: "5")).contains("extend beyond the file's 12"))
    #expect(error(external("data.bin", offset: "13")).contains("extend beyond the file's 12"))
    #expect(error(external("data.bin", length: "9")).contains("extend beyond"))
    #expect(error(external("data.bin", length: "7")).contains("7 bytes of data do not fill"))
    #expect(error(external("data.bin", offset: "2", length: nil)).contains("10 bytes of data"))
    #expect(error(external("data.bin", offset: "-1")).contains("expected a number"))
    #expect(error(external("data.bin", offset: "9223372036854775807")).contains("extend beyond"))
    #expect(
      error(external("data.bin", length: "99999999999999999999")).contains("expected a number"))
    #expect(
      error(external("data.bin").bytes(9, [1])).contains("both in external data and in the model"))
    let strings = Wire().varint(1, 1).varint(2, 8).varint(14, 1)
      .message(13, Wire().text(1, "location").text(2, "data.bin"))
    #expect(error(strings).contains("external data cannot hold strings"))
  }

  @Test func manyTensorsFromOneRangeHaveALimit() throws {
    let size = 1 << 20
    try folder.write([UInt8](repeating: 0, count: size), to: "data.bin")
    let tensor = Wire().varint(1, Int64(size)).varint(2, 2).varint(14, 1)
      .message(13, Wire().text(1, "location").text(2, "data.bin"))
    let graph = (0..<60).reduce(Wire()) { wire, _ in wire.message(5, tensor) }
    let path = try folder.write(graph.asGraph.bytes, to: "model.onnx")
    #expect(throws: FormatError.self) { _ = try Model(contentsOf: path) }
  }

  @Test func written() throws {
    let model = fullModel()
    let path = folder.path("model.onnx")
    try model.write(
      to: path,
      options: WritingOptions(externalData: ExternalDataOptions(name: "weights.bin", threshold: 10))
    )
    #expect(try folder.bytes("weights.bin").count >= 16)
    #expect(try folder.bytes("model.onnx").count < (try model.serialized().count + 400))
    #expect(try Model(contentsOf: path).serialized() == model.serialized())
    for name in ["", ".", "..", "a/b"] {
      #expect(throws: FormatError.self) {
        try model.write(
          to: path, options: WritingOptions(externalData: ExternalDataOptions(name: name)))
      }
    }
  }

  @Test func filesOfAnySizeRaiseTheLimitOfMemory() throws {
    var budget = MemoryBudget(limit: 100)
    try budget.take(100)
    budget.raiseLimit(fileSize: 1 << 61)
    try budget.take(1 << 61)
  }
}
