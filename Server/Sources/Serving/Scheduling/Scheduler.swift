import ONNX

/// Runs requests on the threads that all models share.
public final class Scheduler: Sendable {
  private let options: ServerOptions

  /// Creates a scheduler.
  public init(_ options: ServerOptions) { self.options = options }

  /// Runs a model.
  /// - Throws: `ServingError`
  public func run(
    _ model: ServedModel, _ inputs: [String: Tensor], timeout: Duration? = nil
  ) async throws(ServingError) -> [String: Tensor] {
    do { return try await model.session.run(inputs, timeout: timeout ?? options.timeout) } catch {
      throw ServingError(error)
    }
  }
}
