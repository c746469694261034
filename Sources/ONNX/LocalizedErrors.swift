#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
import ONNXOperators

// `localizedDescription` is the same sentence as `description`.

extension ModelError: LocalizedError {
  /// The error in one line.
  public var errorDescription: String? { description }
}

extension FormatError: LocalizedError {
  /// The error in one line.
  public var errorDescription: String? { description }
}

extension TensorError: LocalizedError {
  /// The error in one line.
  public var errorDescription: String? { description }
}

extension OperatorError: LocalizedError {
  /// The error in one line.
  public var errorDescription: String? { description }
}

extension TrainingError: LocalizedError {
  /// The error in one line.
  public var errorDescription: String? { description }
}

extension DataError: LocalizedError {
  /// The error in one line.
  public var errorDescription: String? { description }
}
