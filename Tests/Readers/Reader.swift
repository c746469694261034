import ONNX
import ONNXAudio
import ONNXConversion
import ONNXImages
import ONNXScoring

/// The readers of files that may be hostile, each called as a program would call it. `tools/fuzz`
/// runs them under libFuzzer, `FuzzTests` on the corpus that came of it.
public enum Reader: String, CaseIterable, Sendable {
  case model, session, changes, text, json, values, arrays, safetensors, torch, hdf5, gguf
  case pictures, sounds, data, tables

  /// Reads the file and everything in it. Writing and reading a model again must give the same model.
  /// - Throws: the reader's error for a file that it refuses; `Changed`.
  public func read(_ path: String) throws {
    switch self {
    case .model:
      try roundTrip(Model(contentsOf: path)) {
        try $0.serialized()
      } reading: {
        try Model(serialized: $0)
      }
    case .session:
      var options = SessionOptions()
      options.threads = 1
      options.memoryLimit = 1 << 28
      // Folding constants would run operators, which are not under test here.
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
      try roundTrip(Model(fileInAnyForm: path)) { model in
        let text = model.text()
        return text.warnings.isEmpty ? text.bytes : nil
      } reading: {
        try Model(text: $0)
      }
    case .json:
      try roundTrip(Model(fileInAnyForm: path)) {
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
    case .safetensors, .torch, .gguf:
      for entry in try Weights(contentsOf: path).entries { _ = try entry.tensor() }
    case .hdf5:
      let weights = try Weights(contentsOf: path)
      for entry in weights.entries { _ = try entry.tensor() }
      for entry in weights.inModules().entries { _ = try entry.tensor() }
    case .pictures: _ = try Image(contentsOf: path, pixelLimit: 1 << 22)
    case .sounds:
      _ = try Sound(contentsOf: path, sampleLimit: 1 << 22).resampled(
        to: 8000, sampleLimit: 1 << 22)
    case .data:
      _ = try? CSVTable(contentsOf: path)
      _ = try IDX.read(path)
    case .tables:
      let results = ScoreFile.allCases.map { file in Result { try file.read(path) } }
      if !results.contains(where: { (try? $0.get()) != nil }) { try results[0].get() }
    }
  }

  /// A model reads back differently after it was written.
  public struct Changed: Error {
    /// The reader of the model.
    public let reader: Reader
    /// The difference that was found.
    public let reason: String
  }

  /// Checks that writing `model`, reading the bytes and writing again gives the same bytes.
  /// - Parameter write: the model's bytes, `nil` if the format cannot hold it.
  /// - Throws: `Changed`, and what `write` throws for `model` itself.
  private func roundTrip(
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
