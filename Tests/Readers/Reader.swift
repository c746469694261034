import ONNX
import ONNXConversion
import ONNXImages

/// What reads files that may be hostile, each the way a program calls it. `tools/fuzz` lets libFuzzer
/// change the files; `FuzzTests` goes through those that it found worth keeping.
public enum Reader: String, CaseIterable, Sendable {
  case model, session, changes, text, json, values, arrays, safetensors, torch, pictures, data

  /// Reads the file with all that is in it. What was read must come back the same when it is
  /// written and read again.
  /// - Throws: what the reader throws for a file that it refuses, `Changed`
  public func read(_ path: String) throws {
    switch self {
    case .model:
      try comeBack(Model(contentsOf: path)) {
        try $0.serialized()
      } reading: {
        try Model(serialized: $0)
      }
    case .session:
      var options = SessionOptions()
      options.threads = 1
      options.memoryLimit = 1 << 28
      // Constants are computed when a session is made; what operators do is not the readers' matter.
      options.passes.remove(.constantFolding)
      _ = try Session(Model(contentsOf: path), options: options)
    case .changes:
      let model = try Model(contentsOf: path)
      for version in [1, 7, 12, 20, 28] { _ = try? model.converted(toOperatorSet: version) }
      _ = try? model.simplified()
      _ = try? model.narrowed(to: .float16)
      _ = try? model.dynamicallyQuantized()
      _ = try? model.blockQuantized()
      _ = model.stripped()
      _ = try GraphDrawing(model).svg()
    case .text:
      try comeBack(Model(fileInAnyForm: path)) { model in
        let text = model.text()
        return text.warnings.isEmpty ? text.bytes : nil
      } reading: {
        try Model(text: $0)
      }
    case .json:
      try comeBack(Model(fileInAnyForm: path)) {
        try $0.json()
      } reading: {
        try Model(json: $0)
      }
    case .values:
      for kind in [Value.FileKind.tensor, .sparseTensor, .sequence, .optional, .map] {
        _ = try? Value(contentsOf: path, as: kind)
      }
    case .arrays:
      do { _ = try Tensor(npyContentsOf: path) } catch { _ = try NPZ.read(path) }
    case .safetensors, .torch:
      for entry in try Weights(contentsOf: path).entries { _ = try entry.tensor() }
    case .pictures: _ = try Image(contentsOf: path, pixelLimit: 1 << 22)
    case .data:
      _ = try? CSVTable(contentsOf: path)
      _ = try IDX.read(path)
    }
  }

  /// A model that is another one after it was written and read.
  public struct Changed: Error {
    public let reader: Reader
    public let reason: String
  }

  /// - Parameter write: gives `nil` for what the form cannot hold
  private func comeBack(
    _ model: Model, written write: (Model) throws -> [UInt8]?,
    reading read: ([UInt8]) throws -> Model
  ) throws {
    guard let bytes = try write(model) else { return }
    do {
      guard try write(read(bytes)) == bytes else { throw Changed(reader: self, reason: "differs") }
    } catch let error as Changed {
      throw error
    } catch {
      throw Changed(reader: self, reason: "\(error)")
    }
  }
}
