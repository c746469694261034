import Glibc

/// Folders in place of a file.
extension ForeignFile {
  /// A sentence for a folder that was given as a model or checkpoint.
  /// - Returns: `nil` for a folder without anything known
  package static func sentence(folder path: String, for purpose: Purpose) -> String? {
    let names = entries(path)
    let base = path.hasSuffix("/") ? path : path + "/"
    if names.contains("saved_model.pb") {
      return "a TensorFlow SavedModel, not an ONNX model; convert it with tf2onnx: "
        + "python -m tf2onnx.convert --saved-model \(path) --output model.onnx"
    }
    if names.contains("Manifest.json"), entries(base + "Data").contains("com.apple.CoreML") {
      return "a Core ML package, not an ONNX model; Core ML files do not convert to ONNX: use the "
        + "model that it was made from"
    }
    if names.contains("model.mil") && names.contains("coremldata.bin") {
      return "a compiled Core ML model, not an ONNX model; use the model that it was made from"
    }
    let endings =
      purpose == .model
      ? [".onnx"]
      : [".safetensors.index.json", ".safetensors", ".weights.h5", ".gguf", ".pt", ".pth", ".bin"]
    for ending in endings {
      let found = names.filter { $0.hasSuffix(ending) }.sorted()
      guard let first = found.first else { continue }
      return "is a directory, not a file; give \(found.count == 1 ? "the file" : "a file") in it: "
        + base + first
    }
    if purpose == .model, names.contains(where: { $0.hasSuffix(".safetensors") }) {
      return "is a directory with weights (safetensors) and no ONNX model; export the model, for "
        + "instance with optimum-cli export onnx --model \(path) OUT"
    }
    return nil
  }

  /// The names in a folder, at most 10,000.
  private static func entries(_ path: String) -> Set<String> {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: Set<String> = []
    while names.count < 10_000, let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      names.insert(name)
    }
    return names
  }
}

extension FormatError {
  /// The error of reading a file, or a sentence that names what the file is.
  package func recognised(
    at path: String?, _ source: ByteSource?, for purpose: ForeignFile.Purpose
  ) -> FormatError {
    if case .notAFile("a directory") = reason, let path,
      let sentence = ForeignFile.sentence(folder: path, for: purpose)
    {
      return FormatError(.invalid(sentence), in: path)
    }
    guard let source, let sentence = ForeignFile.sentence(source, path: path, for: purpose) else {
      return self
    }
    var error = FormatError(.invalid(sentence))
    if let path { error.context = [path] }
    return error
  }
}
