import ONNXFormat
import ONNXSupport

/// The elements of a tensor as those of another type, where that is usual: integers to others that can
/// hold them, any number to floating point.
/// - Throws: `Failure` for a type or an element that cannot be converted
func converted(_ tensor: Tensor, to type: ElementType) throws -> Tensor {
  if tensor.elementType == type { return tensor }
  guard canConvert(tensor.elementType, to: type) else {
    throw Failure("\(tensor.elementType) cannot be converted to \(type)")
  }
  if let integers = try tensor.elementType.dispatchInteger(to: Integers(), tensor) {
    if let result = try type.dispatchNumber(to: FromIntegers(), (integers, tensor.shape)) {
      return result
    }
  }
  if let reals = tensor.elementType.dispatchReal(to: Reals(), tensor),
    let result = type.dispatchReal(to: FromReals(), (reals, tensor.shape))
  {
    return result
  }
  throw Failure("\(tensor.elementType) cannot be converted to \(type)")
}

/// Whether elements of one type may be converted to another.
func canConvert(_ from: ElementType, to: ElementType) -> Bool {
  if from == to { return true }
  let reals: Set<ElementType> = [.float32, .float64, .float16, .bfloat16]
  let integers: Set<ElementType> = [
    .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
  ]
  return reals.contains(to) && (reals.contains(from) || integers.contains(from))
    || integers.contains(to) && integers.contains(from)
}

private struct Integers: IntegerVisitor {
  func visit<T: Element & FixedWidthInteger>(
    _ type: T.Type, _ tensor: Tensor
  ) throws(Failure) -> [Int64] {
    var result: [Int64] = []
    result.reserveCapacity(tensor.count)
    for element in tensor.elements(as: T.self) {
      guard let value = Int64(exactly: element) else {
        throw Failure("\(element) is too large for int64")
      }
      result.append(value)
    }
    return result
  }
}

private struct Reals: RealVisitor {
  func visit<T: RealElement>(_ type: T.Type, _ tensor: Tensor) -> [Double] {
    tensor.elements(as: T.self).map { Double($0.compute) }
  }
}

private struct FromIntegers: NumberVisitor {
  typealias Context = ([Int64], [Int])
  typealias Failure = ONNXSupport.Failure

  func visit<T: RealElement>(_ type: T.Type, _ given: Context) throws(Failure) -> Tensor {
    Tensor(shape: given.1, given.0.map { T(compute: T.Compute($0)) })
  }

  func visit<T: Element & FixedWidthInteger>(
    _ type: T.Type, _ given: Context
  ) throws(Failure) -> Tensor {
    var result: [T] = []
    result.reserveCapacity(given.0.count)
    for element in given.0 {
      guard let value = T(exactly: element) else {
        throw Failure("\(element) is not a valid \(T.elementType)")
      }
      result.append(value)
    }
    return Tensor(shape: given.1, result)
  }
}

private struct FromReals: RealVisitor {
  func visit<T: RealElement>(_ type: T.Type, _ given: ([Double], [Int])) -> Tensor {
    Tensor(shape: given.1, given.0.map { T(compute: T.Compute($0)) })
  }
}
