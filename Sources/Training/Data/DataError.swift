import Glibc
import ONNXFormat

extension DataError {
  /// What the system says of the last call that failed.
  static func system(_ path: String) -> DataError {
    DataError(String(cString: strerror(errno)), in: path)
  }
}

extension Tensor {
  /// Creates a tensor with the given elements.
  /// - Throws: `DataError` if the number of elements is not that of the shape, or memory runs out.
  init<T: Element>(data values: [T], shape: [Int]) throws(DataError) {
    guard shape.elementCount == values.count else {
      throw DataError("\(values.count) elements do not fill the shape \(Shape(shape))")
    }
    try self.init(data: T.self, shape: shape) { buffer in
      for index in values.indices { buffer[index] = values[index] }
    }
  }

  /// Creates a tensor with the elements that `fill` writes.
  /// - Throws: `DataError` if memory runs out.
  init<T: Element>(
    data type: T.Type, shape: [Int], _ fill: (UnsafeMutableBufferPointer<T>) -> Void
  ) throws(DataError) {
    do throws(TensorError) {
      self = try Tensor(T.self, shape: shape) { fill($0) }
    } catch { throw DataError(error.description) }
  }

  /// Creates a tensor whose elements are not initialized.
  /// - Throws: `DataError` if memory runs out.
  init(data elementType: ElementType, shape: [Int]) throws(DataError) {
    do throws(TensorError) {
      self = try Tensor(uninitialized: elementType, shape: shape)
    } catch { throw DataError(error.description) }
  }
}
