import COnnxInterface
import Glibc
import ONNX
import ONNXC
import Synchronization
import TestThreads
import Testing

/// The functions of `onnxc.h` for sessions, called as from C.
@Suite struct InterfaceTests {
  @Test func runsAModelAndGivesOutputsInOrder() throws {
    let session = try load(twoOutputs)
    defer { onnx_free(session) }
    let result = run(session, [try value(.tensor(floats([-1, 2])))], outputs: 2)
    #expect(result.error == "" && result.status == 0)
    #expect(result.tensors == [floats([0, 2]), floats([1, -2])])
    #expect(onnx_output(session, "z") == 1 && onnx_input(session, "x") == 0)
    #expect(onnx_output(session, "zz") == -1)
    #expect(lastError == "the model has no 'zz'; did you mean 'z'?")
    #expect(onnx_last_error_kind() == Int32(ONNX_INVALID_ARGUMENT))
  }

  @Test func describesInputsOutputsAndModel() throws {
    var model = identity(.tensor(.float32, Shape([.symbol("N"), .unknown, .size(3)])))
    model.producerName = "a \"b\""
    model.metadata = [MetadataEntry(key: "k", value: "v")]
    let session = try load(model)
    defer { onnx_free(session) }
    let type = #""type":"tensor(float)","element_type":1,"shape":["N",null,3]"#
    #expect(
      String(cString: onnx_describe(session))
        == #"{"inputs":[{"name":"x",\#(type)}],"optional_inputs":[],"outputs":[{"name":"y",\#(type)}],"#
        + #""model":{"producer_name":"a \"b\"","graph_name":"test","domain":"","description":"","#
        + #""graph_description":"","version":0,"metadata":{"k":"v"}}}"#)
    #expect(onnx_describe(nil) == nil)
  }

  @Test func badModelsAreErrors() throws {
    let good = try twoOutputs.serialized()
    #expect(onnx_load(nil, 0, nil, nil) == nil)
    #expect(lastError == "there are no bytes")
    #expect(onnx_last_error_kind() == Int32(ONNX_INVALID_MODEL))
    #expect(onnx_load(nil, 8, nil, nil) == nil)
    #expect(lastError == "a pointer argument is NULL")
    for length in 1..<good.count where onnx_load(good, length, nil, "threads=1") == nil {
      #expect(lastError != "")
    }
    var wrong = twoOutputs
    wrong.graph.nodes[0].operatorType = "Rellu"
    let bytes = try wrong.serialized()
    #expect(onnx_load(bytes, bytes.count, nil, nil) == nil)
    #expect(lastError.contains("Rellu"))
    #expect(onnx_last_error_kind() == Int32(ONNX_NOT_IMPLEMENTED))
    #expect(onnx_load_file("/no/such.onnx", nil) == nil)
    #expect(onnx_last_error_kind() == Int32(ONNX_NO_FILE))
    #expect(onnx_load_file(nil, nil) == nil)
    // A successful call clears the error.
    onnx_free(try load(twoOutputs))
    #expect(lastError == "" && onnx_last_error_kind() == Int32(ONNX_OK))
  }

  @Test(arguments: [
    ("threads=-1", "option 'threads': expected an integer from 0, got '-1'"),
    ("threads", "option 'threads': expected name=value"),
    ("thread=1", "there is no option 'thread' here; did you mean 'threads'?"),
    ("seed=1 seed=2", "option 'seed' comes twice"),
    (
      "optimization=non",
      "option 'optimization': expected all, none, got 'non'; did you mean 'none'?"
    ),
    ("loss=mse", "there is no option 'loss' here"),
  ])
  func badOptionsAreErrors(options: String, expected: String) throws {
    let bytes = try twoOutputs.serialized()
    #expect(onnx_load(bytes, bytes.count, nil, options) == nil)
    #expect(lastError.hasPrefix(expected))
  }

  @Test func optionsReachTheSession() throws {
    let bytes = try twoOutputs.serialized()
    let options = "threads=1 optimization=none convolution=exact batch_invariant=0 seed=3"
    let session = try #require(onnx_load(bytes, bytes.count, nil, options))
    defer { onnx_free(session) }
    #expect(
      run(session, [try value(.tensor(floats([1, 2])))], outputs: 1).tensors == [floats([1, 2])])
  }

  @Test func badInputsAreErrors() throws {
    let session = try load(twoOutputs)
    defer { onnx_free(session) }
    func x() throws -> OpaquePointer { try value(.tensor(floats([1, 2]))) }
    let cases: [([OpaquePointer?], String)] = [
      ([], "input 'x' is missing"),
      ([nil], "input 'x' is missing"),
      ([try x(), try x()], "the model has 1 inputs, the call 2"),
      ([try value(.tensor(floats([1, 2, 3])))], "expected float32[2], got float32[3]"),
      ([onnx_make_sequence(nil, 0)], "expected float32[2], got sequence"),
    ]
    for (inputs, expected) in cases {
      let result = run(session, inputs, outputs: 2)
      #expect(result.status == -1 && result.tensors == [nil, nil])
      #expect(result.error.contains(expected))
    }
    #expect(run(session, [try x()], outputs: 3).error.contains("the model has 2 outputs"))
    #expect(onnx_run(session, nil, 1, nil, 0) == -1)
    #expect(onnx_run(session, nil, 0, nil, 1) == -1)
    #expect(onnx_run(nil, nil, 0, nil, 0) == -1)
    onnx_free(nil)
    onnx_free_value(nil)
    onnx_unbind(nil)
    onnx_free_trainer(nil)
  }

  /// Each thread has results and an error of its own.
  @Test func threadsShareASession() throws {
    let session = Address(try load(twoOutputs))
    defer { onnx_free(session.pointer) }
    let failures = Atomic<Int>(0)
    withThreads(8) { number in
      for _ in 0..<20 {
        let x = try? value(.tensor(floats([Float(number), -1])))
        let good = run(session.pointer, [x], outputs: 1)
        let bad = run(session.pointer, [onnx_make_optional(nil)], outputs: 1)
        if good.tensors.first != floats([Float(number), 0]) || good.error != ""
          || !bad.error.contains("expected float32[2], got optional")
        {
          failures.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }

  @Test func longErrorsEndWithAWholeCharacter() {
    onnxc_set_last_error(7, String(repeating: "ß", count: 4000))
    #expect(lastError == String(repeating: "ß", count: 2047))
    onnxc_set_last_error(7, "a" + String(repeating: "ß", count: 4000))
    #expect(lastError == "a" + String(repeating: "ß", count: 2047))
    #expect(onnx_last_error_kind() == 7)
  }
}
