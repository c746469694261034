import ONNX

/// A version of a model, ready to run.
public final class ServedModel: Sendable {
  /// The name of the model: that of its file or folder.
  public let name: String
  /// The version: `1` for a model that is a file of its own.
  public let version: String
  /// The path of the file.
  public let path: String
  /// Runs the model on one thread: the scheduler gives each batch a thread.
  public let session: Session

  /// Reads a model.
  /// - Throws: `ModelError`
  public init(name: String, version: String, path: String) throws(ModelError) {
    self.name = name
    self.version = version
    self.path = path
    var options = SessionOptions()
    options.threads = 1
    // A request with another value for a weight would have the model optimised anew.
    options.allowsReplacedInitializers = false
    session = try Session(contentsOf: path, options: options)
  }
}
