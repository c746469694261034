import ONNXFormat

/// The Python names that a pickle of tensors may refer to. Nothing is imported or called: the reader
/// implements each of them itself.
enum PickleGlobal: Hashable {
  case orderedDictionary, defaultDictionary, set, size, ignoredType, ignoredCall
  case rebuildTensor, rebuildTensorV2, rebuildTensorV3, rebuildParameter, rebuildFromType
  /// `nil` for a storage of bytes.
  case storage(ElementType?)
  case elementType(ElementType)
  case encode
  case numPyScalar, numPyArray, numPyReconstruct, numPyFromBuffer, numPyDataType

  /// - Throws: `FormatError.Reason.unsupported` for any other name
  init(_ module: String, _ name: String) throws(FormatError) {
    guard let global = Self.find(module, name) else {
      throw FormatError(
        .unsupported(
          "the pickle refers to \("\(module).\(name)".quoted), and code in a pickle is never run"
            + Self.hint(module, name)))
    }
    self = global
  }

  /// Advice for names that occur often.
  private static func hint(_ module: String, _ name: String) -> String {
    let word = name.lowercased()
    if word.contains("sparse") { return "; save dense tensors, made by tensor.to_dense()" }
    if word.contains("qtensor") || name.hasPrefix("Q") && name.hasSuffix("Storage") {
      return "; save tensors that are not quantized, made by tensor.dequantize()"
    }
    if word.contains("meta_tensor") { return "; tensors on the meta device have no elements" }
    if word.contains("nested_tensor") { return "; save tensors that are not nested" }
    if module.hasPrefix("__main__") || module.hasPrefix("torch.nn")
      || module.hasPrefix("__torch__")
    {
      return "; save the tensors alone, with torch.save(model.state_dict(), …)"
    }
    return ""
  }

  private static func find(_ module: String, _ name: String) -> PickleGlobal? {
    switch module {
    case "collections": collections[name]
    case "builtins", "__builtin__": builtins[name]
    case "_codecs": name == "encode" ? .encode : nil
    case "torch._utils": rebuilding[name]
    case "torch._tensor": name == "_rebuild_from_type_v2" ? .rebuildFromType : nil
    case "torch.nn.parameter", "torch.nn":
      name == "Parameter" || name == "Buffer" ? .ignoredType : nil
    case "torch.storage":
      name == "UntypedStorage" ? .storage(nil) : nil
    case "torch", "torch.cuda": torch(name)
    case "numpy": ["ndarray": .numPyArray, "dtype": .numPyDataType][name]
    case "numpy.core.multiarray", "numpy._core.multiarray":
      ["scalar": .numPyScalar, "_reconstruct": .numPyReconstruct][name]
    case "numpy.core.numeric", "numpy._core.numeric":
      name == "_frombuffer" ? .numPyFromBuffer : nil
    default: nil
    }
  }

  private static let collections: [String: PickleGlobal] = [
    "OrderedDict": .orderedDictionary, "defaultdict": .defaultDictionary,
    "Counter": .orderedDictionary,
  ]

  private static let builtins: [String: PickleGlobal] = [
    "set": .set, "frozenset": .set, "list": .ignoredType, "dict": .ignoredType,
    "bytearray": .ignoredCall, "complex": .ignoredCall, "int": .ignoredType, "float": .ignoredType,
    "str": .ignoredType, "bool": .ignoredType,
  ]

  private static let rebuilding: [String: PickleGlobal] = [
    "_rebuild_tensor": .rebuildTensor, "_rebuild_tensor_v2": .rebuildTensorV2,
    "_rebuild_tensor_v3": .rebuildTensorV3, "_rebuild_parameter": .rebuildParameter,
    "_rebuild_parameter_with_state": .rebuildParameter,
  ]

  private static func torch(_ name: String) -> PickleGlobal? {
    switch name {
    case "Size": return .size
    case "device": return .ignoredCall
    case "Tensor", "Parameter": return .ignoredType
    case "UntypedStorage": return .storage(nil)
    default: break
    }
    if name.hasSuffix("Storage"), let type = storages[String(name.dropLast(7))] {
      return .storage(type)
    }
    return elementTypes[name].map(PickleGlobal.elementType)
  }

  private static let storages: [String: ElementType] = [
    "Float": .float32, "Double": .float64, "Half": .float16, "BFloat16": .bfloat16,
    "Long": .int64, "Int": .int32, "Short": .int16, "Char": .int8, "Byte": .uint8,
    "Bool": .bool, "ComplexFloat": .complex64, "ComplexDouble": .complex128,
  ]

  private static let elementTypes: [String: ElementType] = [
    "float32": .float32, "float": .float32, "float64": .float64, "double": .float64,
    "float16": .float16, "half": .float16, "bfloat16": .bfloat16, "int64": .int64,
    "long": .int64, "int32": .int32, "int": .int32, "int16": .int16, "short": .int16,
    "int8": .int8, "uint8": .uint8, "uint16": .uint16, "uint32": .uint32, "uint64": .uint64,
    "bool": .bool, "complex64": .complex64, "complex128": .complex128,
    "float8_e4m3fn": .float8e4m3fn, "float8_e5m2": .float8e5m2,
    "float8_e4m3fnuz": .float8e4m3fnuz, "float8_e5m2fnuz": .float8e5m2fnuz,
    "float8_e8m0fnu": .float8e8m0,
  ]
}
