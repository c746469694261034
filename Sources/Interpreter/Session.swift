import ONNXFormat
import ONNXOps
