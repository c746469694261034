import ONNX

extension TextPrinter {
  /// A tensor with its elements: numbers, or bits where the type has no literals.
  mutating func print(_ named: NamedTensor, isInitializer: Bool) {
    let tensor = named.tensor
    put(TextNames.name(of: tensor.elementType) ?? "")
    if !tensor.shape.isEmpty { put(tensor.shape, "[", ",", "]") { $0.put("\($1)") } }
    if let name = named.name, !name.isEmpty || isInitializer {
      put(" ")
      put(name: name)
    } else if isInitializer {
      put(" \"\"")
    }
    if isInitializer { put(" = ") }
    lose("doc string", named.docString?.isEmpty == false, "tensor", named.name)
    lose("metadata", !named.metadata.isEmpty, "tensor", named.name)
    lose("segment", named.segment != nil, "tensor", named.name)
    printElements(tensor)
  }

  private mutating func printElements(_ tensor: Tensor) {
    switch tensor.elementType {
    case .string:
      put(tensor.elements(as: String.self), "{", ", ", "}") { $0.put(quoted: $1) }
    case .float32: printFloats(tensor, Float.self)
    case .float64: printFloats(tensor, Double.self)
    case .complex64: printFloats(tensor, Float.self)
    case .complex128: printFloats(tensor, Double.self)
    case .int8: printIntegers(tensor, Int8.self)
    case .int16: printIntegers(tensor, Int16.self)
    case .int32: printIntegers(tensor, Int32.self)
    case .int64: printIntegers(tensor, Int64.self)
    case .uint16, .float16, .bfloat16: printIntegers(tensor, UInt16.self)
    case .uint32: printIntegers(tensor, UInt32.self)
    case .uint64: printIntegers(tensor, UInt64.self)
    case .uint4, .int4, .float4e2m1: printShared(tensor, bits: 4)
    case .uint2, .int2: printShared(tensor, bits: 2)
    default: printIntegers(tensor, UInt8.self)
    }
  }

  private mutating func printFloats<T: BinaryFloatingPoint & CustomStringConvertible>(
    _ tensor: Tensor, _ type: T.Type
  ) {
    tensor.withUnsafeBytes { bytes in
      put(bytes.bindMemory(to: T.self), " {", ",", "}") { $0.put(shortestText($1)) }
    }
  }

  private mutating func printIntegers<T: FixedWidthInteger>(_ tensor: Tensor, _ type: T.Type) {
    tensor.withUnsafeBytes { bytes in
      put(bytes.bindMemory(to: T.self), " {", ",", "}") { $0.put("\($1)") }
    }
  }

  /// Elements of less than a byte, packed with the first in the lowest bits: the reference parser
  /// stores the numbers in `int32_data`.
  private mutating func printShared(_ tensor: Tensor, bits: Int) {
    let mask = UInt8(1) << UInt8(bits) - 1
    let perByte = 8 / bits
    let packed = tensor.withUnsafeBytes { codes in
      stride(from: 0, to: codes.count, by: perByte).map { start in
        codes[start..<min(start + perByte, codes.count)].enumerated().reduce(UInt8(0)) {
          $0 | ($1.element & mask) << UInt8($1.offset * bits)
        }
      }
    }
    put(packed, " {", ",", "}") { $0.put("\($1)") }
  }
}
