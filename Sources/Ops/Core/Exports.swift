// An operator names the types of the graph, and computes in `Real`.
@_exported import ONNXFormat
@_exported import RealModule
