import ONNXFormat

/// The functions and classes that the names of `PickleGlobal` stand for.
extension PickleReader {
  mutating func make(
    _ global: PickleGlobal, _ arguments: [PickleValue]
  ) throws(FormatError) -> PickleValue {
    switch global {
    case .orderedDictionary: return try dictionary(of: arguments.first)
    case .defaultDictionary: return try dictionary(of: arguments.dropFirst().first)
    case .set, .size:
      guard let first = arguments.first else { return sequence([]) }
      _ = try elements(first)
      return first
    case .ignoredCall: return .other
    case .rebuildTensor: return try tensor(arguments, elementType: nil)
    case .rebuildTensorV2:
      try checkForm(arguments, at: 6)
      return try tensor(arguments, elementType: nil)
    case .rebuildTensorV3:
      guard arguments.count > 6, case .global(.elementType(let type)) = arguments[6] else {
        throw error("a tensor has no element type")
      }
      try checkForm(arguments, at: 7)
      return try tensor(arguments, elementType: type)
    case .rebuildParameter:
      guard case .tensor(let index)? = arguments.first else {
        throw error("a parameter is not a tensor")
      }
      return .tensor(index)
    case .rebuildFromType:
      guard arguments.count > 2, case .global(let function) = arguments[0],
        case .global(.ignoredType) = arguments[1]
      else { throw error("a tensor has an unknown class") }
      guard function != .rebuildFromType else { throw error("a tensor contains itself") }
      return try make(function, try elements(arguments[2]))
    case .encode:
      guard case .string(let text)? = arguments.first,
        text.unicodeScalars.allSatisfy({ $0.value < 256 })
      else { throw error("encoded bytes are not Latin-1") }
      try chargeCopy(text.utf8.count)
      return .bytes(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    case .numPyDataType:
      objects.dataTypes.append(try NPYDataType(try text(arguments.first)))
      return .dataType(objects.dataTypes.count - 1)
    case .numPyReconstruct:
      guard case .global(.numPyArray)? = arguments.first else {
        throw error("a NumPy object is not an array")
      }
      objects.arrays.append(PickledArray())
      return .array(objects.arrays.count - 1)
    case .numPyFromBuffer:
      // Bytes, type, shape, order.
      guard arguments.count == 4, case .bytes(let bytes) = arguments[0],
        case .dataType(let type) = arguments[1], case .string(let order) = arguments[3]
      else { throw error("a NumPy array has an unknown form") }
      try chargeCopy(bytes.count)
      objects.arrays.append(
        PickledArray(
          dataType: objects.dataTypes[type], shape: try sizes(arguments[2]),
          isFortranOrder: order == "F", bytes: bytes))
      return .array(objects.arrays.count - 1)
    case .numPyScalar:
      guard arguments.count == 2, case .dataType(let type) = arguments[0],
        case .bytes(let bytes) = arguments[1]
      else { throw error("a NumPy scalar has an unknown form") }
      objects.arrays.append(
        PickledArray(dataType: objects.dataTypes[type], shape: [], bytes: bytes))
      return .array(objects.arrays.count - 1)
    case .storage, .elementType, .ignoredType, .numPyArray:
      throw error("it calls a name that is not a function")
    }
  }

  /// Sets the state that a pickle adds to an object. Attributes of dictionaries and tensors are
  /// ignored.
  mutating func setState(of object: PickleValue, _ state: PickleValue) throws(FormatError) {
    switch object {
    case .dictionary, .tensor: return
    case .dataType(let index):
      let parts = try elements(state)
      guard parts.count > 1 else { throw error("a NumPy type has an unknown form") }
      if case .string(">") = parts[1] { objects.dataTypes[index].isBigEndian = true }
    case .array(let index):
      // Version, shape, type, order, bytes.
      let parts = try elements(state)
      guard parts.count == 5, case .dataType(let type) = parts[2],
        case .bool(let isFortranOrder) = parts[3], case .bytes(let bytes) = parts[4]
      else { throw error("a NumPy array has an unknown form") }
      objects.arrays[index] = PickledArray(
        dataType: objects.dataTypes[type], shape: try sizes(parts[1]),
        isFortranOrder: isFortranOrder, bytes: bytes)
    default: throw error("it sets the state of an object that has none")
    }
  }

  /// A storage: `('storage', class, key, device, count)`, and in old files also a view of it:
  /// `(key, offset, count)`.
  mutating func persistent(_ parts: [PickleValue]) throws(FormatError) -> PickleValue {
    guard parts.count >= 5, try text(parts[0]) == "storage",
      case .global(.storage(let type)) = parts[1], case .int(let count) = parts[4], count >= 0
    else { throw error("a persistent reference is not a storage") }
    var storage = TorchStorage(key: try text(parts[2]), elementType: type, count: count)
    if parts.count > 5, case .tuple = parts[5] {
      let view = try elements(parts[5])
      guard view.count == 3, case .int(let offset) = view[1], case .int(let size) = view[2],
        offset >= 0, size >= 0, offset <= count, size <= count - offset
      else { throw error("a view exceeds its storage") }
      storage.offset = offset
      storage.count = size
    }
    objects.storages.append(storage)
    return .storage(objects.storages.count - 1)
  }

  private mutating func tensor(
    _ arguments: [PickleValue], elementType: ElementType?
  ) throws(FormatError) -> PickleValue {
    guard arguments.count >= 4, case .storage(let index) = arguments[0],
      case .int(let offset) = arguments[1], offset >= 0
    else { throw error("a tensor has an unknown form") }
    let storage = objects.storages[index]
    guard let type = elementType ?? storage.elementType else {
      throw error("a tensor has no element type")
    }
    let shape = try sizes(arguments[2])
    let strides = try sizes(arguments[3])
    guard shape.count == strides.count, let count = shape.elementCount else {
      throw error("a tensor has the shape \(shape) and the strides \(strides)")
    }
    // The count of an untyped storage is in bytes.
    let available = storage.elementType == nil ? storage.count / type.stride : storage.count
    var last = offset
    if count > 0 {
      for (size, stride) in zip(shape, strides) {
        let (step, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
        let (sum, carry) = last.addingReportingOverflow(step)
        guard !overflow, !carry else { throw error("a tensor exceeds its storage") }
        last = sum
      }
      guard last < available else {
        throw error("a tensor uses element \(last) of a storage of \(available)")
      }
    }
    objects.tensors.append(
      TorchTensor(
        storage: index, elementType: type, offset: offset, shape: shape, strides: strides))
    return .tensor(objects.tensors.count - 1)
  }

  /// - Throws: `FormatError` for a tensor whose elements are to be conjugated or negated
  private func checkForm(_ arguments: [PickleValue], at index: Int) throws(FormatError) {
    guard index < arguments.count, case .dictionary(let notes) = arguments[index] else { return }
    for (key, value) in objects.dictionaries[notes] {
      if case .string(let name) = key, name == "conj" || name == "neg", case .bool(true) = value {
        throw FormatError(
          .unsupported(
            "a tensor marked \(name.quoted); save the result of tensor.resolve_\(name)()"))
      }
    }
  }

  private mutating func sequence(_ values: [PickleValue]) -> PickleValue {
    objects.sequences.append(values)
    return .list(objects.sequences.count - 1)
  }

  private func elements(_ value: PickleValue) throws(FormatError) -> [PickleValue] {
    switch value {
    case .tuple(let index), .list(let index): return objects.sequences[index]
    default: throw error("expected a tuple or a list")
    }
  }

  private func sizes(_ value: PickleValue) throws(FormatError) -> [Int] {
    let values = try elements(value)
    guard values.count <= 64 else { throw error("a tensor has more than 64 dimensions") }
    var sizes: [Int] = []
    for value in values {
      guard case .int(let size) = value, size >= 0 else {
        throw error("a size is not an integer of 0 or more")
      }
      sizes.append(size)
    }
    return sizes
  }

  /// A string. Python 2 wrote strings as bytes.
  private func text(_ value: PickleValue?) throws(FormatError) -> String {
    switch value {
    case .string(let text): return text
    case .bytes(let bytes) where bytes.count <= 1000:
      return String(decoding: bytes, as: UTF8.self)
    default: throw error("expected a string")
    }
  }

  /// A dictionary made from another one, from a list of pairs, or from nothing.
  private mutating func dictionary(of value: PickleValue?) throws(FormatError) -> PickleValue {
    guard let value else { return dictionary([]) }
    if case .dictionary = value { return value }
    var pairs: [(key: PickleValue, value: PickleValue)] = []
    for element in try elements(value) {
      let pair = try elements(element)
      guard pair.count == 2 else {
        throw error("a dictionary is made from elements that are not pairs")
      }
      pairs.append((pair[0], pair[1]))
    }
    try chargeCopy(pairs.count * 2 * MemoryLayout<PickleValue>.stride)
    return dictionary(pairs)
  }
}
