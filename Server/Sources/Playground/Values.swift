import Foundation
import ONNX

/// Numbers for a page: float32, little-endian, in base64. `values` of `ui.js` reads them.
struct Values: Encodable {
  let shape: [Int]
  let data: String

  init(shape: [Int], _ numbers: [Float]) {
    self.shape = shape
    data = numbers.withUnsafeBytes { Data($0) }.base64EncodedString()
  }

  /// - Throws: `TensorError` for a tensor that is not float32
  init(_ tensor: Tensor) throws {
    self.init(shape: tensor.shape, try tensor.array(as: Float.self))
  }
}
