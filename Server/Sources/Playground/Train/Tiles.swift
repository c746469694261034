import Foundation
import ONNX

/// Numbers for small pictures: a signed byte each, in base64. `tiles` of `train-view.js` reads them.
struct Tiles: Encodable, Sendable {
  let shape: [Int]
  /// The number that the byte 127 stands for.
  let scale: Float
  let data: String

  /// - Parameter limit: the number of the strongest colour; `nil` for the largest magnitude
  init(shape: [Int], _ numbers: some Collection<Float>, limit: Float? = nil) {
    self.shape = shape
    scale = limit ?? numbers.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
    let factor = scale > 0 && scale.isFinite ? 127 / scale : 0
    data = Data(
      numbers.map { number in
        let byte = (number * factor).rounded()
        return UInt8(bitPattern: byte.isFinite ? Int8(min(max(byte, -127), 127)) : 0)
      }
    ).base64EncodedString()
  }

  private init(shape: [Int], _ other: Tiles) {
    (self.shape, scale, data) = (shape, other.scale, other.data)
  }

  /// The same numbers in another shape, which has as many.
  func reshaped(_ shape: [Int]) -> Tiles { Tiles(shape: shape, self) }

  /// The first tiles of a tensor `[tiles, …]`.
  init(_ tensor: Tensor, most: Int) {
    let count = min(most, tensor.shape.first ?? 0)
    let shape = [count] + tensor.shape.dropFirst()
    self.init(
      shape: shape, tensor.elements(as: Float.self).prefix(shape.reduce(1, *)))
  }
}
