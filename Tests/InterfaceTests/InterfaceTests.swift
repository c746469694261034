import COnnxInterface
import ONNX
import ONNXC
import Synchronization
import TestThreads
import Testing

/// The functions of `onnxc.h`, called as C calls them.
@Suite struct InterfaceTests {
  @Test func runsAModelAndGivesOutputsInOrder() throws {
    let session = try load(twoOutputs)
    defer { onnx_free(session) }
    let result = run(session, [("x", ONNX_TENSOR, try tensor([-1, 2]))])
    #expect(result.error == "")
    #expect(result.values.map(\.name) == ["y", "z"])
    #expect(result.values.map(\.kind) == [ONNX_TENSOR, ONNX_TENSOR])
    #expect(try Value(serialized: result.values[0].data).tensor == floats([0, 2]))
    #expect(try Value(serialized: result.values[1].data).tensor == floats([1, -2]))
  }

  /// One input of each kind, passed through.
  @Test func everyKindOfValuePasses() throws {
    let sequence = ValueType.sequence(.tensor(.float32, nil))
    let values: [(kind: Int, type: ValueType, value: Value)] = [
      (ONNX_TENSOR, .tensor(.string, nil), .tensor(Tensor(shape: [2], ["a", "ß"]))),
      (ONNX_SEQUENCE, sequence, .sequence(SequenceValue([.tensor(floats([1]))]))),
      (ONNX_OPTIONAL, .optional(sequence), .optional(nil, type: sequence)),
    ]
    for (kind, type, value) in values {
      let session = try load(
        model([Node("Identity", inputs: ["x"], outputs: ["y"])], input: type, outputs: ["y"]))
      defer { onnx_free(session) }
      let bytes = try value.serialized(name: "y")
      let result = run(session, [("x", kind, bytes)])
      #expect(result.error == "")
      #expect(result.values.map(\.kind) == [kind])
      #expect(result.values.map(\.data) == [bytes])
    }
  }

  @Test func noBytesAreAnEmptySequence() throws {
    let session = try load(
      model(
        [Node("SequenceLength", inputs: ["x"], outputs: ["y"])],
        input: .sequence(.tensor(.float32, nil)), outputs: ["y"]))
    defer { onnx_free(session) }
    let result = run(session, [("x", ONNX_SEQUENCE, [])])
    #expect(result.error == "")
    #expect(try Value(serialized: #require(result.values.first).data).tensor == Tensor(Int64(0)))
  }

  @Test func badModelsAreErrors() throws {
    let good = try twoOutputs.serialized()
    #expect(onnx_load(nil, 0, nil, 0) == nil)
    #expect(lastError == "there are no bytes")
    #expect(onnx_load(nil, 8, nil, 0) == nil)
    #expect(lastError == "a pointer argument is NULL")
    #expect(onnx_load(good, good.count, nil, -1) == nil)
    #expect(lastError == "expected 0 or more threads, got -1")
    for length in 1..<good.count where onnx_load(good, length, nil, 1) == nil {
      #expect(lastError != "")
    }
    var wrong = twoOutputs
    wrong.graph.nodes[0].operatorType = "Rellu"
    let bytes = try wrong.serialized()
    #expect(onnx_load(bytes, bytes.count, nil, 0) == nil)
    #expect(lastError.contains("Rellu"))
    // A call that succeeds leaves no error behind.
    onnx_free(try load(twoOutputs))
    #expect(lastError == "")
  }

  @Test func badInputsAreErrors() throws {
    let session = try load(twoOutputs)
    defer { onnx_free(session) }
    let x = try tensor([1, 2])
    let cases: [([(String, Int, [UInt8])], String)] = [
      ([], "input 'x' is missing"),
      (
        [("x", ONNX_TENSOR, x), ("x", ONNX_TENSOR, x)],
        "input 'x': the call passes this input twice"
      ),
      ([("x", ONNX_TENSOR, [])], "there are no bytes"),
      ([("x", ONNX_TENSOR, Array(x.dropLast()))], "input 'x'"),
      ([("x", 6, x)], "6 is not the kind of a value"),
      ([("x", ONNX_SEQUENCE, [])], "expected float32[2], got sequence"),
      ([("x", ONNX_TENSOR, try tensor([1, 2, 3]))], "expected float32[2], got float32[3]"),
      ([("x", ONNX_TENSOR, x), ("w", ONNX_TENSOR, x)], "the model has no 'w'"),
    ]
    for (inputs, expected) in cases {
      let result = run(session, inputs)
      #expect(result.status == -1 && result.values.isEmpty)
      #expect(result.error.contains(expected))
    }
    #expect(onnx_run(session, nil, 0, nil, nil) == -1)
    #expect(onnx_run(nil, nil, 0, nil, nil) == -1)
    onnx_free(nil)
    onnx_free_values(nil)
  }

  /// Every thread has its results and its error.
  @Test func threadsShareASession() throws {
    let session = Address(try load(twoOutputs))
    defer { onnx_free(session.pointer) }
    let failures = Atomic<Int>(0)
    let inputs = try (0..<8).map { try tensor([Float($0), -1]) }
    withThreads(8) { number in
      for _ in 0..<20 {
        let good = run(session.pointer, [("x", ONNX_TENSOR, inputs[number])])
        let value = try? good.values.first.map { try Value(serialized: $0.data) }
        let bad = run(session.pointer, [("x", number, inputs[number])])
        if value?.tensor != floats([Float(number), 0]) || good.error != ""
          || bad.error.contains("\(number) is not the kind") == (1...5).contains(number)
        {
          failures.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }

  @Test func longErrorsEndWithAWholeCharacter() {
    onnxc_set_last_error(String(repeating: "ß", count: 4000))
    #expect(lastError == String(repeating: "ß", count: 2047))
    onnxc_set_last_error("a" + String(repeating: "ß", count: 4000))
    #expect(lastError == "a" + String(repeating: "ß", count: 2047))
  }
}
