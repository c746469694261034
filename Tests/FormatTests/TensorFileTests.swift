import ComplexModule
import ONNX
import Testing

/// Elements of every type, in every field that can hold them.
@Suite struct TensorFileTests {
  private func read(_ wire: Wire) throws -> Tensor {
    try #require(try Value(serialized: wire.bytes).tensor)
  }

  private func error(_ wire: Wire) -> String? {
    do throws(FormatError) {
      _ = try Value(serialized: wire.bytes)
      return nil
    } catch { return error.description }
  }

  /// `dims`, `data_type`.
  private func head(_ dims: [Int64], _ type: ElementType) -> Wire {
    dims.reduce(Wire()) { $0.varint(1, $1) }.varint(2, Int64(type.rawValue))
  }

  private func little<T: FixedWidthInteger>(_ values: [T]) -> [UInt8] {
    values.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }
  }

  @Test func everyTypeSurvivesWritingAndReading() throws {
    func check<T: Element>(_ values: [T]) throws {
      for count in 0...values.count {
        let tensor = Tensor(shape: [count], Array(values[..<count]))
        let bytes = try Value.tensor(tensor).serialized(name: "t")
        #expect(try Value(serialized: bytes).tensor == tensor, "\(T.self) \(count)")
      }
    }
    try check([1.5, -0.0, .infinity] as [Float])
    try check([1.5, -.infinity] as [Double])
    try check([1.5, 65504] as [Float16])
    try check([Int8.min, 3, .max])
    try check([Int16.min, 3, .max])
    try check([Int32.min, 3, .max])
    try check([Int64.min, 3, .max])
    try check([UInt8.min, 3, .max])
    try check([UInt16.min, 3, .max])
    try check([UInt32.min, 3, .max])
    try check([UInt64.min, 3, .max])
    try check([true, false, true])
    try check(["", "å", "a string that is longer than fifteen bytes"])
    try check([Complex<Float>(1, -2)])
    try check([Complex<Double>(1, -2)])
    try check([BFloat16(1.5), BFloat16(-3)])
    try check((-8...7).map { Int4(rawValue: $0) })
    try check((0...15).map { UInt4(rawValue: $0) })
    try check((-2...1).map { Int2(rawValue: $0) } + [Int2(rawValue: 1)])
    try check((0...3).map { UInt2(rawValue: $0) } + [UInt2(rawValue: 2)])
    try check((0...255).map { Float8E4M3FN(bits: $0) })
    try check([Float8E4M3FNUZ(1), Float8E4M3FNUZ(-2)])
    try check([Float8E5M2(1), Float8E5M2(-2)])
    try check([Float8E5M2FNUZ(1), Float8E5M2FNUZ(-2)])
    try check([Float8E8M0(1), Float8E8M0(2)])
    try check((0..<16).map { Float4E2M1(bits: $0) })
    try check((0..<64).map { Float6E2M3(bits: $0) })
    try check((0..<64).map { Float6E3M2(bits: 63 - $0) })
  }

  @Test func packedElementsLieAsTheStandardSays() throws {
    func raw(_ tensor: Tensor) throws -> [UInt8] {
      let bytes = try Value.tensor(tensor).serialized()
      let size = (tensor.count * (tensor.elementType.bitsInFile ?? 0) + 7) / 8
      return Array(bytes.suffix(size))
    }
    // Packed as onnx.numpy_helper does.
    #expect(try raw(Tensor(shape: [3], [1, -2, 7].map { Int4(rawValue: $0) })) == [0xE1, 0x07])
    #expect(
      try raw(Tensor(shape: [5], [1, 2, 3, 0, 2].map { UInt2(rawValue: $0) })) == [0x39, 0x02])
    #expect(
      try raw(Tensor(shape: [5], [1, 2, 3, 63, 32].map { Float6E2M3(bits: $0) }))
        == [0x81, 0x30, 0xFC, 0x20])
  }

  @Test func typedFields() throws {
    // A packed list, single values, and both.
    let floats = little([Float(1.5).bitPattern, Float(-2).bitPattern])
    let expected = Tensor(shape: [2], [1.5, -2] as [Float])
    #expect(try read(head([2], .float32).bytes(4, floats)) == expected)
    #expect(try read(head([2], .float32).fixed32(4, 1.5).fixed32(4, -2)) == expected)
    #expect(
      try read(head([2], .float32).fixed32(4, 1.5).text(8, "name").bytes(4, Array(floats[4...])))
        == expected)
    #expect(
      try read(head([1], .complex64).bytes(4, floats))
        == Tensor(shape: [1], [Complex<Float>(1.5, -2)]))
    let doubles = little([Double(1.5).bitPattern, Double(-2).bitPattern])
    #expect(
      try read(head([2], .float64).bytes(10, doubles)) == Tensor(shape: [2], [1.5, -2] as [Double]))
    #expect(
      try read(head([], .complex128).bytes(10, doubles)) == Tensor(Complex<Double>(1.5, -2)))
    #expect(
      try read(head([3], .int64).varint(7, -1).bytes(7, [5, 0x80, 1]))
        == Tensor(shape: [3], [-1, 5, 128] as [Int64]))
    #expect(
      try read(head([2], .uint64).varint(11, -1).varint(11, 1))
        == Tensor(shape: [2], [.max, 1] as [UInt64]))
    #expect(
      try read(head([1], .uint32).varint(11, 0xFFFF_FFFF)) == Tensor(shape: [1], [UInt32.max]))
    #expect(
      try read(head([2], .int32).varint(5, -7).varint(5, 7))
        == Tensor(shape: [2], [-7, 7] as [Int32]))
    #expect(
      try read(head([2], .int8).varint(5, -7).varint(5, 7))
        == Tensor(shape: [2], [-7, 7] as [Int8]))
    #expect(
      try read(head([1], .uint16).varint(5, 65535)) == Tensor(shape: [1], [UInt16.max]))
    #expect(
      try read(head([1], .float16).varint(5, 0x3C00)) == Tensor(shape: [1], [1 as Float16]))
    #expect(
      try read(head([1], .bfloat16).varint(5, 0x3F80)) == Tensor(shape: [1], [BFloat16(1)]))
    #expect(
      try read(head([3], .bool).varint(5, 0).varint(5, 1).varint(5, 2))
        == Tensor(shape: [3], [false, true, true]))
    #expect(
      try read(head([3], .int4).varint(5, 0xE1).varint(5, 7))
        == Tensor(shape: [3], [1, -2, 7].map { Int4(rawValue: $0) }))
    #expect(
      try read(head([5], .uint2).varint(5, 0x39).varint(5, 2))
        == Tensor(shape: [5], [1, 2, 3, 0, 2].map { UInt2(rawValue: $0) }))
    #expect(
      try read(head([2], .float6e3m2).varint(5, 0x3F).varint(5, 0xC1))
        == Tensor(shape: [2], [63, 1].map { Float6E3M2(bits: $0) }))
    #expect(
      try read(head([1], .float8e5m2).varint(5, 0x7C))
        == Tensor(shape: [1], [Float8E5M2(bits: 0x7C)]))
    #expect(
      try read(head([2], .string).text(6, "a").text(6, "")) == Tensor(shape: [2], ["a", ""]))
  }

  @Test func boolsAreZeroOrOne() throws {
    let tensor = try read(head([3], .bool).bytes(9, [0, 2, 0xFF]))
    tensor.withUnsafeBytes { #expect(Array($0) == [0, 1, 1]) }
  }

  @Test func shapesThatCannotBe() {
    #expect(error(head([-1], .float32).bytes(9, []))?.contains("dimension 0 is negative") == true)
    #expect(error(head([1 << 62, 8], .int8))?.contains("too many elements") == true)
    #expect(error(head([1 << 62], .float32).bytes(9, [1]))?.contains("too many elements") == true)
    #expect(error(head([1 << 56], .float32))?.contains("no elements") == true)
    // Empty, but its strides would overflow.
    #expect(error(head([.max, .max, 0], .float32))?.contains("too many elements") == true)
    #expect(error(head([1 << 56, 0], .float32)) == nil)
  }

  @Test func dataThatDoesNotFit() {
    for count in [0, 1, 4, 6, 7, 9, 12] {
      let wire = head([2], .float32).bytes(9, [UInt8](repeating: 0, count: count))
      #expect(error(wire) != nil, "\(count)")
    }
    #expect(error(head([3], .int4).bytes(9, [1]))?.contains("takes 2") == true)
    #expect(error(head([3], .int4).bytes(9, [1, 2, 3]))?.contains("takes 2") == true)
    #expect(error(head([2], .int64).bytes(7, [1]))?.contains("1 values do not fill") == true)
    #expect(error(head([2], .int64).bytes(7, [1, 2, 3]))?.contains("3 values") == true)
    #expect(error(head([1], .int64).bytes(7, [0x80]))?.contains("extends beyond") == true)
    #expect(
      error(head([1], .int64).bytes(7, [UInt8](repeating: 0x80, count: 11) + [0]))?
        .contains("64 bits") == true)
    #expect(error(head([1], .float32).bytes(4, [1, 2, 3]))?.contains("within a number") == true)
    #expect(error(head([2], .string).text(6, "a"))?.contains("1 strings do not fill") == true)
    #expect(error(head([1], .string).bytes(6, [0xFF]))?.contains("not UTF-8") == true)
  }

  @Test func dataInTheWrongPlace() {
    #expect(error(head([1], .float32).varint(7, 1))?.contains("field 7 cannot hold") == true)
    #expect(error(head([1], .string).bytes(9, [1]))?.contains("cannot hold strings") == true)
    #expect(error(head([1], .int8).text(6, "a"))?.contains("string_data") == true)
    #expect(
      error(head([1], .float32).bytes(9, [0, 0, 0, 0]).fixed32(4, 1))?.contains("several places")
        == true)
    #expect(
      error(head([1], .float32).varint(7, 1).fixed32(4, 1))?.contains("two typed fields") == true)
    #expect(error(Wire().varint(1, 1).bytes(9, [0]))?.contains("no element type") == true)
    #expect(
      error(head([1], .float32).varint(2, 0).bytes(9, [0]))?.contains("no element type") == true)
    #expect(error(Wire().varint(2, 29))?.contains("unknown element type 29") == true)
    #expect(error(Wire()) != nil)
  }

  @Test func cutAndChangedAnywhere() throws {
    let tensors = [
      head([2, 2], .float32).text(8, "name").bytes(4, [UInt8](repeating: 0x80, count: 16)),
      head([3], .int64).varint(7, -1).bytes(7, [5, 0x80, 1]),
      head([5], .float6e2m3).bytes(9, [1, 2, 3, 4]),
      head([2], .string).text(6, "a").text(6, "bc"),
    ]
    for wire in tensors {
      #expect(error(wire) == nil)
      var bytes = wire.bytes
      for index in bytes.indices {
        _ = error(Wire(bytes: Array(bytes[..<index])))
        let old = bytes[index]
        for value: UInt8 in 0...255 {
          bytes[index] = value
          if let error = error(Wire(bytes: bytes)) { #expect(!error.contains("\n")) }
        }
        bytes[index] = old
      }
    }
  }

  @Test func sequencesOptionalsMapsAndSparseTensors() throws {
    let one = Value.tensor(Tensor(shape: [1], [1] as [Int64]))
    let two = Value.tensor(Tensor(shape: [2], [2, 3] as [Int64]))
    let strings = MapValue(keys: .strings(["a", "b"]), values: SequenceValue([one, two]))
    let integers = MapValue(keys: .integers([-1], .int32), values: SequenceValue([one]))
    let sparse = SparseTensor(
      values: NamedTensor("v", Tensor(shape: [1], [1] as [Float])),
      indices: NamedTensor(nil, Tensor(shape: [1], [0] as [Int64])), shape: [4])
    let values: [(Value, Value.FileKind)] = [
      (.sequence(SequenceValue([one, two])), .sequence), (.sequence(SequenceValue([])), .sequence),
      (.sequence(SequenceValue([.sequence(SequenceValue([one]))])), .sequence),
      (.sequence(SequenceValue([.map(strings)])), .sequence),
      (.optional(one, type: nil), .optional),
      (.optional(nil, type: .tensor(.float32, nil)), .optional),
      (.optional(nil, type: nil), .optional),
      (.optional(.sequence(SequenceValue([one])), type: nil), .optional),
      (.optional(.optional(one, type: nil), type: nil), .optional),
      (.map(strings), .map), (.map(integers), .map), (.sparseTensor(sparse), .sparseTensor),
    ]
    let folder = try TemporaryFolder()
    for (value, kind) in values {
      let bytes = try value.serialized(name: "n")
      let copy = try Value(serialized: bytes, as: kind)
      #expect(try copy.serialized(name: "n") == bytes)
      try value.write(to: folder.path("value.pb"))
      #expect(
        try Value(contentsOf: folder.path("value.pb"), as: kind).serialized() == value.serialized())
    }
    #expect(Value.FileKind(.sequence(nil)) == .sequence)
    guard
      case .sequence(let copy) = try Value(
        serialized: Value.sequence(SequenceValue([one, two])).serialized(), as: .sequence)
    else {
      Issue.record("not a sequence")
      return
    }
    #expect(copy.elementType == .tensor(.int64, nil) && copy.elements.count == 2)
  }

  @Test func badSequences() {
    func error(_ wire: Wire, _ kind: Value.FileKind) -> String? {
      do throws(FormatError) {
        _ = try Value(serialized: wire.bytes, as: kind)
        return nil
      } catch { return error.description }
    }
    let tensor = head([], .int8).bytes(9, [1])
    #expect(
      error(Wire().varint(2, 3).message(3, tensor), .sequence)?.contains("another kind") == true)
    #expect(
      error(Wire().varint(2, 2).message(3, tensor), .optional)?.contains("another kind") == true)
    let keys = Wire().varint(2, 7).varint(3, 1).varint(3, 2)
    #expect(
      error(keys.message(5, Wire().varint(2, 1).message(3, tensor)), .map)
        == "a map has 2 keys and 1 values")
    #expect(error(Wire().varint(2, 1).message(3, Wire()), .sequence)?.contains("an empty") == true)
  }
}
