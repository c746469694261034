import Foundation
import ONNX
@_exported import TestFiles
import Testing

extension TemporaryFolder {
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

/// The folder of the shared data: `ONNX_DATA`, or a folder next to the package.
let sharedData: String? = {
  let candidates = [
    ProcessInfo.processInfo.environment["ONNX_DATA"],
    "\(#filePath.dropLast("Tests/TrainingTests/DataSupport.swift".count))../shared/data",
  ]
  return candidates.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
}()

/// Expects `body` to throw a `DataError` of one line that contains every part of `text`.
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

/// The bytes of an IDX file.
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
