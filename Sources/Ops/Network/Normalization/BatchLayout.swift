import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// The layout of the input of batch normalization: `[batch, channels, plane]`.
struct BatchLayout: Sendable {
  let batch: Int
  let channels: Int
  let plane: Int

  var images: Int { batch * channels }

  func read<C: RowElement>(
    _ image: Int, _ data: RealRows<C>, _ buffers: Buffers, _ room: UnsafeMutablePointer<C>
  ) -> UnsafePointer<C> {
    data.read(buffers.bytes(input: 0), at: image * plane, plane, room: room)
  }

  /// `y = (x − mean) · factor + shift` for one plane.
  func affine<C: RowElement>(
    _ image: Int, _ data: RealRows<C>, _ buffers: Buffers, _ room: UnsafeMutablePointer<C>, mean: C,
    factor: C, shift: C
  ) {
    let x = read(image, data, buffers, room)
    let y = data.target(buffers.bytes(output: 0), at: image * plane, room: room)
    C.affine(x, y, plane, mean: mean, factor: factor, shift: shift)
    data.store(y, buffers.bytes(output: 0), at: image * plane, plane)
  }
}

/// Scale, bias, mean and variance of batch normalization, inputs 1 to 4.
struct BatchParameters<C: RowElement>: Sendable {
  let rows: [RealRows<C>]
  let channels: Int
  private let tensors: [Tensor]

  init(_ call: Preparation, channels: Int) throws(OperatorError) {
    var rows: [RealRows<C>] = []
    for index in 1...4 { rows.append(try call.rows(index)) }
    self.rows = rows
    self.channels = channels
    tensors = (1...4).compactMap { call.inputs.constant($0) }
  }

  /// The parameters of a channel, from the bytes of the inputs.
  func values(
    _ channel: Int, _ bytes: (Int) -> UnsafePointer<UInt8>
  ) -> (scale: C, bias: C, mean: C, variance: C) {
    func value(_ index: Int) -> C {
      var value = C(0)
      return rows[index - 1].read(bytes(index), at: channel, 1, room: &value)[0]
    }
    return (value(1), value(2), value(3), value(4))
  }

  /// Writes the mean, `scale / √(variance + ε)` and bias of every channel.
  func fill(
    _ memory: UnsafeMutablePointer<C>, epsilon: C, _ bytes: (Int) -> UnsafePointer<UInt8>
  ) {
    for channel in 0..<channels {
      let (scale, bias, mean, variance) = values(channel, bytes)
      memory[channel] = mean
      memory[channels.vectors + channel] = scale / (variance + epsilon).squareRoot()
      memory[2 * channels.vectors + channel] = bias
    }
  }

  /// The result of `fill`, if all parameters are constant.
  func constants(epsilon: C) -> TensorStorage? {
    guard tensors.count == 4,
      let storage = try? TensorStorage(
        byteCount: 3 * channels.vectors * MemoryLayout<C>.stride)
    else { return nil }
    fill(storage.pointer.assumingMemoryBound(to: C.self), epsilon: epsilon) { index in
      UnsafePointer(tensors[index - 1].storage.pointer.assumingMemoryBound(to: UInt8.self))
    }
    return storage
  }
}
