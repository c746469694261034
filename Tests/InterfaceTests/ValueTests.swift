import COnnxInterface
import Glibc
import ONNX
import ONNXC
import Testing

/// The functions of `onnxc.h` for values.
@Suite struct ValueTests {
  /// A model that passes on one input of each kind.
  @Test func everyKindOfValuePasses() throws {
    let sequence = ValueType.sequence(.tensor(.float32, nil))
    let map = ValueType(.map(key: .int64, value: .tensor(.float32, nil)))
    let values: [(kind: Int, type: ValueType, value: Value)] = [
      (ONNX_TENSOR, .tensor(.string, nil), .tensor(Tensor(shape: [2], ["a", "ß"]))),
      (ONNX_SEQUENCE, sequence, .sequence(SequenceValue([.tensor(floats([1]))]))),
      (ONNX_OPTIONAL, .optional(sequence), .optional(nil, type: sequence)),
      (
        ONNX_MAP, map,
        .map(
          MapValue(keys: .integers([7], .int64), values: SequenceValue([.tensor(floats([1]))])))
      ),
    ]
    for (kind, type, given) in values {
      let session = try load(identity(type))
      let input = try value(given, kind)
      var output: OpaquePointer?
      var inputs: [OpaquePointer?] = [input]
      #expect(onnx_run(session, &inputs, 1, &output, 1) == 0, "\(lastError)")
      #expect(onnx_kind(output) == Int32(kind))
      let result = try contents(output, Value.FileKind(type))
      #expect(try result.serialized() == given.serialized())
      onnx_free_value(input)
      onnx_free_value(output)
      onnx_free(session)
    }
    #expect(onnx_kind(nil) == 0)
  }

  @Test func elementsAreSharedUntilTheyAreReleased() throws {
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 8)
    defer { memory.deallocate() }
    memory.initialize(repeating: 1)
    var releases = 0
    let session = try load(identity(.tensor(.float32, nil)))
    defer { onnx_free(session) }
    withUnsafeMutablePointer(to: &releases) { counter in
      var tensor = onnx_tensor(
        element_type: 1, rank: 2, shape: sizes(2, 4), data: memory.baseAddress)
      let value = onnx_make_tensor(
        &tensor, { $0?.assumingMemoryBound(to: Int.self).pointee += 1 }, counter)
      var seen = onnx_tensor()
      #expect(onnx_get_tensor(value, &seen) == 0)
      #expect(seen.rank == 2 && seen.shape[1] == 4 && seen.element_type == 1)
      // Memory at the very end of a page would be copied.
      let isShared = seen.data == UnsafeMutableRawPointer(memory.baseAddress)
      #expect(counter.pointee == (isShared ? 0 : 1))
      var output: OpaquePointer?
      var inputs: [OpaquePointer?] = [value]
      #expect(onnx_run(session, &inputs, 1, &output, 1) == 0)
      // An output that is an input has memory of its own.
      #expect(onnx_get_tensor(output, &seen) == 0)
      #expect(seen.data != UnsafeMutableRawPointer(memory.baseAddress))
      onnx_free_value(value)
      #expect(counter.pointee == 1)
      onnx_free_value(output)
    }
    #expect(releases == 1)
  }

  @Test func whatIsCopiedIsReleasedAtOnce() throws {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4)
    defer { memory.deallocate() }
    memory.initialize(repeating: 0xF9)
    let int4: (Int32, [UInt8]) = (ElementType.int4.rawValue, [0xF9, 0xF9])
    let bool: (Int32, [UInt8]) = (ElementType.bool.rawValue, [1, 1])
    for (type, expected) in [int4, bool] {
      var released = false
      withUnsafeMutablePointer(to: &released) { flag in
        var tensor = onnx_tensor(
          element_type: type, rank: 1, shape: sizes(2), data: memory.baseAddress)
        let value = onnx_make_tensor(
          &tensor, { $0?.assumingMemoryBound(to: Bool.self).pointee = true }, flag)
        #expect(flag.pointee)
        var seen = onnx_tensor()
        #expect(onnx_get_tensor(value, &seen) == 0)
        let bytes = UnsafeRawBufferPointer(start: seen.data, count: 2)
        #expect(Array(bytes) == expected)
        onnx_free_value(value)
      }
    }
  }

  @Test func badTensorsAreErrors() throws {
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1)
    defer { memory.deallocate() }
    let start = UnsafeMutableRawPointer(memory.baseAddress)
    let cases: [(onnx_tensor, String)] = [
      (
        onnx_tensor(element_type: 99, rank: 0, shape: nil, data: start), "99 is not an element type"
      ),
      (onnx_tensor(element_type: 8, rank: 0, shape: nil, data: start), "onnx_make_strings"),
      (onnx_tensor(element_type: 1, rank: -1, shape: nil, data: start), "expected a rank"),
      (onnx_tensor(element_type: 1, rank: 1, shape: nil, data: start), "NULL"),
      (onnx_tensor(element_type: 1, rank: 0, shape: nil, data: nil), "NULL"),
    ]
    for (tensor, expected) in cases {
      var tensor = tensor
      #expect(onnx_make_tensor(&tensor, nil, nil) == nil)
      #expect(lastError.contains(expected))
    }
    var huge = onnx_tensor(
      element_type: 1, rank: 2, shape: sizes(1 << 40, 1 << 40), data: start)
    #expect(onnx_make_tensor(&huge, nil, nil) == nil)
    #expect(lastError.contains("no tensor can have the shape"))
    #expect(onnx_make_tensor(nil, nil, nil) == nil)
    #expect(onnx_get_tensor(nil, &huge) == -1)
  }

  @Test func stringsGoInAndOut() throws {
    let bytes = Array("aßc".utf8)
    let strings = bytes.withUnsafeBytes {
      onnx_make_strings(
        sizes(3), 1, $0.baseAddress?.assumingMemoryBound(to: CChar.self), [0, 1, 1, 4])
    }
    defer { onnx_free_value(strings) }
    #expect(try contents(strings).tensor == Tensor(shape: [3], ["a", "", "ßc"]))
    var tensor = onnx_tensor()
    var start: UnsafePointer<CChar>?
    var offsets: UnsafePointer<Int>?
    #expect(onnx_get_strings(strings, &tensor, &start, &offsets) == 0)
    #expect(Array(UnsafeBufferPointer(start: offsets, count: 4)) == [0, 1, 1, 4])
    #expect(Array(UnsafeRawBufferPointer(start: start, count: 4)) == bytes)
    #expect(onnx_make_strings(sizes(3), 1, nil, [0, 1, 0, 0]) == nil)
    #expect(onnx_make_strings(sizes(3), -1, nil, [0]) == nil)
    let numbers = try value(.tensor(Tensor(Float(1))))
    defer { onnx_free_value(numbers) }
    #expect(onnx_get_strings(numbers, &tensor, &start, &offsets) == -1)
  }

  @Test func containersHoldValues() throws {
    let one = try value(.tensor(floats([1])))
    let keys = try value(.tensor(Tensor(shape: [2], ["a", "b"])))
    let map = onnx_make_map(keys, [one, one], 2)
    let sequence = onnx_make_sequence([map, map], 2)
    let optional = onnx_make_optional(sequence)
    defer { for pointer in [one, keys, map, sequence, optional] { onnx_free_value(pointer) } }
    #expect(onnx_kind(map) == Int32(ONNX_MAP) && onnx_count(map) == 2)
    #expect(onnx_count(sequence) == 2 && onnx_count(optional) == 1 && onnx_count(one) == 0)
    let inner = onnx_element(sequence, 1)
    let innerKeys = onnx_keys(inner)
    defer { for pointer in [inner, innerKeys] { onnx_free_value(pointer) } }
    #expect(try contents(innerKeys).tensor == Tensor(shape: [2], ["a", "b"]))
    #expect(onnx_element(sequence, 2) == nil && lastError.contains("there is none at 2"))
    #expect(onnx_keys(sequence) == nil)
    #expect(onnx_make_map(one, [one, one], 2) == nil)
    #expect(onnx_make_map(one, [one], 1) == nil && lastError.contains("integers or strings"))
    #expect(onnx_make_sequence([nil], 1) == nil)
    #expect(onnx_parse([1], 1, 9) == nil && lastError.contains("9 is not the kind of a value"))
    var size = 0
    #expect(onnx_serialize(nil, &size) == nil)
  }

  @Test func noBytesAreAnEmptySequence() throws {
    let session = try load(
      model(
        [Node("SequenceLength", inputs: ["x"], outputs: ["y"])],
        input: .sequence(.tensor(.float32, nil)), outputs: ["y"]))
    defer { onnx_free(session) }
    for empty in [onnx_parse(nil, 0, Int32(ONNX_SEQUENCE)), onnx_make_sequence(nil, 0)] {
      #expect(run(session, [empty], outputs: 1).tensors == [Tensor(Int64(0))])
    }
  }
}
