@_exported import ONNXDifferentiation
@_exported import ONNXFormat
@_exported import ONNXInterpreter
@_exported import ONNXTraining

// The types of ONNXOperators that the modules above have in their interfaces. `import ONNXOperators`
// adds the rest, for operators of another package.
@_exported import enum ONNXOperators.ComputePrecision
@_exported import enum ONNXOperators.ConvolutionAlgorithm
@_exported import enum ONNXOperators.OperatorError
@_exported import protocol ONNXOperators.Operator
@_exported import struct ONNXOperators.GraphBuilder
@_exported import struct ONNXOperators.Registry
