import Glibc
import ONNXFormat

/// What is wrong with data: one sentence, with the file or folder in front where there is one.
public struct DataError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file or folder.
  public var path: String?
  /// What was expected, and what was found.
  public var problem: String

  public init(_ problem: String, in path: String? = nil) {
    self.problem = problem
    self.path = path
  }

  public var description: String { ((path.map { "\($0): " } ?? "") + problem).escaped }

  /// What the system says of the last call that failed.
  static func system(_ path: String) -> DataError {
    DataError(String(cString: strerror(errno)), in: path)
  }
}

extension Tensor {
  /// A tensor of these elements.
  /// - Throws: `DataError` where they are not as many as the shape has, or there is no memory.
  init<T: Element>(data values: [T], shape: [Int]) throws(DataError) {
    guard shape.elementCount == values.count else {
      throw DataError("\(values.count) elements do not fill the shape \(Shape(shape))")
    }
    do throws(TensorError) {
      self = try Tensor(T.self, shape: shape) { buffer in
        for index in values.indices { buffer[index] = values[index] }
      }
    } catch { throw DataError(error.description) }
  }
}

/// `a · b`, or an error for a size that cannot be.
func checkedProduct(_ sizes: Int...) throws(DataError) -> Int {
  guard let product = sizes.elementCount else {
    throw DataError("sizes of \(sizes.map(String.init).joined(separator: " x ")) are too large")
  }
  return product
}
