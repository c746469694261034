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
  /// Writes text with the session, or the reason why the model cannot.
  public let generator: Result<TextGenerator, ModelError>

  /// Reads a model.
  /// - Parameter memoryLimit: bytes that its weights, and the values of a run, may take; `nil` for 80 %
  ///   of what the machine has left
  /// - Throws: `ModelError`
  public init(
    name: String, version: String, path: String, memoryLimit: Int? = nil
  ) throws(ModelError) {
    self.name = name
    self.version = version
    self.path = path
    var options = SessionOptions()
    options.threads = 1
    options.memoryLimit = memoryLimit
    // A request with another value for a weight would have the model optimised anew.
    options.allowsReplacedInitializers = false
    let session = try Session(contentsOf: path, options: options)
    self.session = session
    generator = Result { () throws(ModelError) in try TextGenerator(session) }
  }
}
