@_exported import ONNXDifferentiation
@_exported import ONNXFormat
@_exported import ONNXInterpreter
@_exported import ONNXOperators
@_exported import ONNXOps
@_exported import ONNXTraining
