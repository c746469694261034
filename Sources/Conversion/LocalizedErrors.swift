#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension ConversionError: LocalizedError {
  /// The error in one line; `localizedDescription` is the same.
  public var errorDescription: String? { description }
}
