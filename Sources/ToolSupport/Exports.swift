@_exported import ONNXSupport
