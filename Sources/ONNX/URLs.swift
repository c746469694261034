#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Model {
  /// Reads a model from a file URL.
  /// - Throws: `FormatError` for a file that cannot be read, or is not a valid model.
  public init(contentsOf url: URL, options: ReadingOptions = .init()) throws(FormatError) {
    try self.init(contentsOf: url.path, options: options)
  }

  /// Writes the model to a file URL. A temporary file beside it is renamed once it is complete.
  /// - Throws: `FormatError` where the file cannot be written.
  public func write(to url: URL, options: WritingOptions = .init()) throws(FormatError) {
    try write(to: url.path, options: options)
  }
}

extension Tensor {
  /// Reads a NumPy `.npy` file from a file URL.
  /// - Throws: `FormatError`, with the path, if the file is not such a file.
  public init(npyContentsOf url: URL, options: ReadingOptions = .init()) throws(FormatError) {
    try self.init(npyContentsOf: url.path, options: options)
  }

  /// Writes the tensor as a NumPy `.npy` file to a file URL.
  /// - Throws: `FormatError`, with the path, if the file cannot be written.
  public func writeNPY(to url: URL) throws(FormatError) { try writeNPY(to: url.path) }
}

extension Session {
  /// Reads a model from a file URL and makes it ready to run.
  /// - Throws: `ModelError.file` from reading, other cases of `ModelError` from checking.
  public convenience init(
    contentsOf url: URL, options: SessionOptions = .init()
  ) throws(ModelError) {
    try self.init(contentsOf: url.path, options: options)
  }
}

extension Layer {
  /// Writes the layer as an ONNX file with one input and one output.
  /// - Throws: `ModelError` where the layer does not fit the input, `FormatError` where the file cannot
  ///   be written.
  public func export(
    to url: URL, input: String = "input", _ shape: Shape, _ elementType: ElementType? = nil,
    output: String = "output", name: String = "model", seed: UInt64 = 0
  ) throws {
    try export(
      to: url.path, input: input, shape, elementType, output: output, name: name, seed: seed)
  }
}
