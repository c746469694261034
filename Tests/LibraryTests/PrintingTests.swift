import FoundationEssentials
import ONNX
import ONNXFormat
import ONNXOperators
import Testing

/// What `print` shows.
@Suite struct PrintingTests {
  @Test(arguments: printedTensors.indices) func tensorsPrintAsInNumPy(index: Int) {
    let (tensor, text) = printedTensors[index]
    #expect(tensor.elementText == text)
  }

  @Test func theTypeComesFirst() {
    let row = Tensor(shape: [3], [1, 2, 3] as [Int64])
    #expect("\(row)" == "int64[3] [1 2 3]")
    #expect("\(Tensor(2.5 as Float))" == "float32[] 2.5")
    #expect("\(Tensor(shape: [2, 1], [1, 2.5] as [Float]))" == "float32[2,1]\n[[1. ]\n [2.5]]")
    #expect("\(Tensor(shape: [2], ["a", "bc\n"]))" == #"string[2] ['a' 'bc\u{a}']"#)
    #expect("\(["x": row])" == #"["x": int64[3]]"#)
  }

  @Test func otherElementTypesPrintTheirValues() throws {
    let x = Tensor(shape: [3], [1, 2.5, -0.5] as [Float])
    #expect(try x.cast(to: .bfloat16).elementText == "[ 1.   2.5 -0.5]")
    #expect(try x.cast(to: .float8e4m3fn).elementText == "[ 1.   2.5 -0.5]")
    #expect(try x.cast(to: .int4).elementText == "[1 2 0]")
  }

  @Test func modelsAndSessionsPrintTheirInputsAndOutputs() throws {
    var model = Models.linear
    model.producerName = "pytorch"
    model.producerVersion = "2.13"
    #expect(
      "\(model)" == """
        model 'linear' by pytorch 2.13
          input x: float32[N,3]
          output y: float32[N,2]
          operator sets: ai.onnx 20
          2 nodes
          8 parameters, 32 B
        """)
    #expect(
      "\(try Session(model))" == """
        session
          input x: float32[N,3]
          output y: float32[N,2]
        """)
    #expect("\(ValueInfo("ids", .sequence(.tensor(.int64, ["N"]))))" == "ids: sequence(int64[N])")
    #expect("\(ValueInfo("x\u{1b}", nil))" == "x\\u{1b}: ?")
  }

  @Test func errorsAreTheirOwnDescription() {
    let errors: [any Error] = [
      ModelError.unknownName("imge", nearest: "image"), TensorError.count(3, shape: [2]),
      FormatError(.invalid("no"), in: "a.onnx"), OperatorError.input(1, "no"),
      TrainingError.model("no"), DataError("no"),
    ]
    for error in errors {
      #expect((error as? any LocalizedError)?.errorDescription == "\(error)")
    }
  }
}
