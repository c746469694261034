import ONNX
extension Tensor {
  public init(npyContentsOf path: String) throws(FormatError) { throw FormatError(.invalid("npy")) }
  public func writeNPY(to path: String) throws(FormatError) { throw FormatError(.invalid("npy")) }
}
public enum NPZ {
  public static func read(_ path: String) throws(FormatError) -> [(name: String, tensor: Tensor)] { throw FormatError(.invalid("npz"))  }
  public static func write(_ arrays: [(name: String, tensor: Tensor)], to path: String) throws(FormatError) { throw FormatError(.invalid("npz")) }
}
