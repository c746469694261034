import ONNXImages
import Testing
