import ONNX
import Testing
