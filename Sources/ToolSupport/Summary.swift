import ONNXFormat
import ONNXSupport

/// One line about a value: `NAME TYPE[SHAPE] min mean max`, with dashes for a tensor that is empty or
/// holds no numbers.
package func summary(of value: Value, name: String) -> String {
  let name = name.escaped
  switch value {
  case .tensor(let tensor): return "\(name) \(tensor.type) \(range(of: tensor))"
  case .sparseTensor(let sparse):
    return "\(name) \(value.type) \(range(of: sparse.values.tensor))"
  case .sequence(let sequence):
    return "\(name) \(value.type) \(sequence.elements.count) elements"
  case .map(let map): return "\(name) \(value.type) \(map.values.elements.count) entries"
  case .optional(let value?, _): return summary(of: value, name: name)
  case .optional(nil, _): return "\(name) \(value.type) empty"
  }
}

/// The smallest, mean and largest element, all NaN if any element is NaN.
private func range(of tensor: Tensor) -> String {
  if tensor.count == 0 { return "- - -" }
  switch tensor.elementType {
  case .float32: return floats(tensor.elements(as: Float.self)) { Double($0) }
  case .float64: return floats(tensor.elements(as: Double.self)) { $0 }
  case .float16: return floats(tensor.elements(as: Float16.self)) { Double($0) }
  case .bool: return integers(tensor.bits(as: UInt8.self))
  case .int8: return integers(tensor.elements(as: Int8.self))
  case .int16: return integers(tensor.elements(as: Int16.self))
  case .int32: return integers(tensor.elements(as: Int32.self))
  case .int64: return integers(tensor.elements(as: Int64.self))
  case .uint8, .uint4, .uint2: return integers(tensor.bits(as: UInt8.self))
  case .int4, .int2: return integers(tensor.bits(as: Int8.self))
  case .uint16: return integers(tensor.elements(as: UInt16.self))
  case .uint32: return integers(tensor.elements(as: UInt32.self))
  case .uint64: return integers(tensor.elements(as: UInt64.self))
  default:
    guard let type = tensor.elementType.smallFloat else { return "- - -" }
    return smallFloats(tensor, type)
  }
}

private func smallFloats<T: SmallFloat>(_ tensor: Tensor, _ type: T.Type) -> String {
  floats(tensor.elements(as: T.self)) { Double($0.float) }
}

private func floats<T>(_ elements: TensorElements<T>, _ value: (T) -> Double) -> String {
  var (least, sum, most) = (Double.infinity, 0.0, -Double.infinity)
  for element in elements {
    let value = value(element)
    if value.isNaN { return "nan nan nan" }
    least = min(least, value)
    most = max(most, value)
    sum += value
  }
  return "\(formatted(least)) \(formatted(sum / Double(elements.count))) \(formatted(most))"
}

private func integers<T: FixedWidthInteger>(_ elements: TensorElements<T>) -> String {
  var (least, sum, most) = (T.max, 0.0, T.min)
  for element in elements {
    least = min(least, element)
    most = max(most, element)
    sum += Double(element)
  }
  return "\(least) \(formatted(sum / Double(elements.count))) \(most)"
}
