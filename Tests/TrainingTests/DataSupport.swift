import Foundation
import ONNX
import Testing

/// A new folder that goes with this object.
final class DataFolder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  var path: String { url.path }
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
    return file.path
  }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(
      at: url.appendingPathComponent(name), withIntermediateDirectories: true)
  }

  /// Compresses a file in place, as `gzip` does.
  func gzip(_ name: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", path(name)]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
}

/// Where the data of `docs` lies: `ONNX_DATA`, else beside the package.
let sharedData: String? = {
  let candidates = [
    ProcessInfo.processInfo.environment["ONNX_DATA"],
    "\(#filePath.dropLast("Tests/TrainingTests/DataSupport.swift".count))../shared/data",
  ]
  return candidates.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
}()

/// Holds `body` to a `DataError` of one line that contains every part of `text`.
func expectDataError<R>(
  _ text: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> R
) {
  do {
    _ = try body()
    Issue.record("no error", sourceLocation: sourceLocation)
  } catch {
    #expect(error is DataError, "\(error)", sourceLocation: sourceLocation)
    let message = "\(error)"
    for part in text {
      #expect(message.contains(part), "\(message)", sourceLocation: sourceLocation)
    }
    #expect(!message.contains("\n"), sourceLocation: sourceLocation)
  }
}

/// An IDX file's bytes.
func idx(_ type: UInt8, _ shape: [Int], _ elements: [UInt8]) -> [UInt8] {
  [0, 0, type, UInt8(shape.count)]
    + shape.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } }
    + elements
}

extension Batch {
  func floats(_ name: String) throws -> [Float] {
    try #require(tensors[name]).array(as: Float.self)
  }
  func integers(_ name: String) throws -> [Int64] {
    try #require(tensors[name]).array(as: Int64.self)
  }
}
