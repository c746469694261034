import ONNXAudio
import ONNXFormat
import ONNXImages
import ONNXSupport

/// The kind of a file of values, recognised by its first bytes.
package enum ValueFileKind: Sendable {
  case npy, npz, picture, sound
  /// A protobuf message of some kind: its bytes do not tell which.
  case message

  /// - Throws: `Failure` if the file cannot be read
  package init(ofFile path: String) throws(Failure) {
    let head = try firstBytes(of: path, count: Image.Format.signatureLength)
    if head.starts(with: [0x93] + Array("NUMPY".utf8)) {
      self = .npy
    } else if head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6]) {
      self = .npz
    } else if Sound.isWAV(signature: head) {
      self = .sound
    } else {
      self = Image.Format(signature: head) == nil ? .message : .picture
    }
  }
}

/// Reads a value for an input or output: a `.npy` file, a `.npz` archive of one array, or a `.pb`
/// message.
/// - Parameters:
///   - type: the type of the input or output, which selects the kind of message
///   - limits: limits on what the file may demand
/// - Throws: `Failure`, with the path
package func readValue(
  _ path: String, _ type: ValueType?, _ limits: ReadingLimits = ReadingLimits()
) throws(Failure) -> Value {
  var options = ReadingOptions()
  options.limits = limits
  let tensor: Tensor
  switch try ValueFileKind(ofFile: path) {
  case .npy:
    do { tensor = try Tensor(npyContentsOf: path, options: options) } catch {
      throw Failure("\(error)")
    }
  case .npz:
    let arrays = try readTensors(npz: path, limits)
    guard arrays.count == 1 else {
      throw Failure("\(path): expected one array, found \(arrays.count)")
    }
    tensor = arrays[0].tensor
  case .picture:
    throw Failure("\(path): a picture can only be an input; expected a .npy, .npz or .pb file")
  case .sound:
    throw Failure("\(path): a sound can only be an input; expected a .npy, .npz or .pb file")
  case .message: return try readMessage(path, type, options)
  }
  do { return .tensor(try narrowed(tensor, to: type?.tensorType?.elementType)) } catch {
    throw Failure(path, error)
  }
}

/// Reads the arrays of a `.npz` archive.
/// - Throws: `Failure`, with the path
package func readTensors(
  npz path: String, _ limits: ReadingLimits = ReadingLimits()
) throws(Failure) -> [(name: String, tensor: Tensor)] {
  var options = ReadingOptions()
  options.limits = limits
  do { return try NPZ.read(path, options: options) } catch { throw Failure("\(error)") }
}

/// Converts a tensor from a NumPy file to an element type that NumPy lacks, such as int4 or bfloat16.
/// - Parameter type: the wanted element type; a tensor that needs no conversion is returned as it is
/// - Throws: `Failure` for an element that the type cannot represent
package func narrowed(_ tensor: Tensor, to type: ElementType?) throws -> Tensor {
  func convert<T: Element, U: Element>(_ convert: (T) -> U?) throws -> Tensor {
    var elements: [U] = []
    elements.reserveCapacity(tensor.count)
    for element in tensor.elements(as: T.self) {
      guard let narrow = convert(element) else {
        throw Failure("\(element) is not a valid \(U.elementType)")
      }
      elements.append(narrow)
    }
    return Tensor(shape: tensor.shape, elements)
  }
  func smallFloats<T: SmallFloat>(_ type: T.Type) throws -> Tensor {
    try convert { (x: Float) -> T? in
      let narrow = T(x)
      return narrow.float == x || x.isNaN ? narrow : nil
    }
  }
  func integers<T: SmallInteger>(_ type: T.Type) throws -> Tensor
  where T.RawValue: Element {
    try convert { (x: T.RawValue) -> T? in
      let narrow = T(truncating: UInt8(truncatingIfNeeded: x))
      return narrow.rawValue == x ? narrow : nil
    }
  }
  switch (tensor.elementType, type) {
  case (.int8, .int4?): return try integers(Int4.self)
  case (.int8, .int2?): return try integers(Int2.self)
  case (.uint8, .uint4?): return try integers(UInt4.self)
  case (.uint8, .uint2?): return try integers(UInt2.self)
  case (.float32, let type?):
    guard let type = type.smallFloat else { return tensor }
    return try smallFloats(type)
  default: return tensor
  }
}

/// The normalization of a picture's samples `s`: `(s / 255 − mean) · scale`, with one mean and scale
/// for all channels or one for each.
package struct PictureNormalization: Sendable {
  package var mean: [Float]
  package var scale: [Float]
  package init(mean: [Float] = [0], scale: [Float] = [1]) {
    self.mean = mean
    self.scale = scale
  }
}

/// Converts a picture to a tensor for an input, in the layout of its declared shape: `[N, C, H, W]`,
/// `[C, H, W]` or `[H, W]`, or channels last where only that fits.
///
/// Dynamic dimensions have the sizes of `shapes`, or else the picture's. In a uint8 tensor 255 stands
/// for 1.
/// - Throws: `Failure` for an input that cannot take a picture
package func tensor(
  _ image: Image, for input: ValueInfo, shapes: InputShapes, _ normalization: PictureNormalization
) throws(Failure) -> Tensor {
  guard let type = input.type?.tensorType else {
    throw Failure("expected \(input.type?.description ?? "a declared tensor type"), got a picture")
  }
  let rank = type.shape?.rank ?? 4
  guard (2...4).contains(rank) else { throw Failure("expected \(type), got a picture") }
  let known = (0..<rank).map { shapes.known(input, $0) }
  if rank == 4, let batch = known[0], batch != 1 {
    throw Failure("expected \(type), got a single picture")
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

/// Transposes `[1, C, H, W]` to `[1, H, W, C]`.
private func withChannelsLast(_ tensor: Tensor) throws(TensorError) -> Tensor {
  let (channels, height, width) = (tensor.shape[1], tensor.shape[2], tensor.shape[3])
  let result = try Tensor(
    uninitialized: tensor.elementType, shape: [1, height, width, channels])
  result.gather(tensor.storage.pointer, strides: [tensor.count, width, 1, height * width])
  return result
}

/// The elements of a float32 tensor, from 0 to 1 or from −1 to 1, as those of another type.
/// - Throws: an error for a type that has no such elements
func converted(_ tensor: Tensor, to type: ElementType) throws -> Tensor {
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
  default: throw Failure("a picture or sound cannot be converted to \(type)")
  }
}
