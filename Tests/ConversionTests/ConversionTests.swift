import ONNX
import ONNXConversion
import Testing

struct ConversionErrorTests {
  @Test func errorsAreTheirSentence() {
    #expect("\(ConversionError("tensor 'a': no"))" == "tensor 'a': no")
  }
}
