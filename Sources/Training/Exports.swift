@_exported import ONNXSupport
@_exported import ONNXText
