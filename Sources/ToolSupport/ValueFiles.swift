import ONNX
import ONNXImages

/// What a file of values holds, by its first bytes.
public enum ValueFileKind: Sendable {
  case npy, npz, png, jpeg
  /// A protobuf message; nothing in it says which.
  case message

  /// - Throws: `Failure` where the file cannot be read
  public init(ofFile path: String) throws(Failure) {
    let head = try firstBytes(of: path, count: 8)
    if head.starts(with: [0x93] + Array("NUMPY".utf8)) {
      self = .npy
    } else if head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6]) {
      self = .npz
    } else {
      switch Image.Format(signature: head) {
      case .png: self = .png
      case .jpeg: self = .jpeg
      case nil: self = .message
      }
    }
  }
}

/// How a picture becomes a tensor: `(s / 255 − mean) · scale`, one number or one a channel.
public struct PictureNormalization: Sendable {
  public var mean: [Float]
  public var scale: [Float]
  public init(mean: [Float] = [0], scale: [Float] = [1]) {
    self.mean = mean
    self.scale = scale
  }
}

/// The picture as an input takes it, in the layout of its declared shape: `[N, C, H, W]`, `[C, H, W]`
/// or `[H, W]`, or with the channels last where only that fits.
///
/// Free sizes are those of `shapes`, else the picture's own. Elements of a uint8 tensor are 255 times the number, rounded.
/// - Throws: `Failure`
public func tensor(
  _ image: Image, for input: ValueInfo, shapes: InputShapes, _ normalization: PictureNormalization
) throws(Failure) -> Tensor {
  guard let type = input.type?.tensorType else {
    throw Failure("expected \(input.type?.description ?? "no tensor"), got a picture")
  }
  let rank = type.shape?.rank ?? 4
  guard (2...4).contains(rank) else { throw Failure("expected \(type), got a picture") }
  let known = (0..<rank).map { shapes.known(input, $0) }
  if rank == 4, let batch = known[0], batch != 1 {
    throw Failure("expected \(type), got one picture")
  }
  let inner = Array(known.suffix(3))
  let isChannels = { (size: Int?) in size == nil || size == 1 || size == 3 }
  let channelsLast = rank > 2 && !isChannels(inner[0]) && isChannels(inner[2])
  let (channels, height, width) =
    rank == 2
    ? (1, known[0], known[1])
    : channelsLast ? (inner[2], inner[0], inner[1]) : (inner[0], inner[1], inner[2])
  do {
    var tensor = try image.tensor(
      channels: channels, height: height, width: width, mean: normalization.mean,
      scale: normalization.scale)
    if channelsLast { tensor = try withChannelsLast(tensor) }
    if rank < 4 { tensor = try tensor.reshaped(to: Array(tensor.shape.suffix(rank))) }
    return try converted(tensor, to: type.elementType)
  } catch {
    throw Failure("\(error)")
  }
}

/// `[1, C, H, W]` to `[1, H, W, C]`.
private func withChannelsLast(_ tensor: Tensor) throws(TensorError) -> Tensor {
  let (channels, height, width) = (tensor.shape[1], tensor.shape[2], tensor.shape[3])
  let count = height * width
  let source = tensor.elements(as: Float.self)
  return try Tensor(Float.self, shape: [1, height, width, channels]) { target in
    for channel in 0..<channels {
      for index in 0..<count {
        target[index * channels + channel] = source[channel * count + index]
      }
    }
  }
}

private func converted(_ tensor: Tensor, to type: ElementType) throws -> Tensor {
  let source = tensor.elements(as: Float.self)
  func fill<T: Element>(_ convert: (Float) -> T) throws(TensorError) -> Tensor {
    try Tensor(T.self, shape: tensor.shape) { target in
      for (index, sample) in source.enumerated() { target[index] = convert(sample) }
    }
  }
  switch type {
  case .float32: return tensor
  case .float64: return try fill { Double($0) }
  case .float16: return try fill { Float16($0) }
  case .bfloat16: return try fill { BFloat16($0) }
  case .uint8:
    return try fill { $0.isNaN ? 0 : UInt8(min(max($0 * 255, 0), 255).rounded()) }
  default: throw Failure("a picture cannot become \(type)")
  }
}
