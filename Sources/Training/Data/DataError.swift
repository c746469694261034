import Glibc
import ONNXFormat

extension DataError {
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
