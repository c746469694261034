import ONNXFormat

extension Image {
  /// The picture as a tensor, float32 `[1, C, H, W]`, whose elements are `(s / 255 − mean) · scale` of
  /// the samples `s`.
  ///
  /// Resizing is linear, with antialiasing where the picture shrinks.
  ///
  /// - Parameters:
  ///   - channels: 1 or 3; `nil`: the picture's. RGB becomes grey as `0.299 R + 0.587 G + 0.114 B`, grey
  ///     becomes three equal channels.
  ///   - height: the rows of the result; `nil`: the picture's
  ///   - width: the columns of the result; `nil`: the picture's
  ///   - mean: one number for all channels or one for each
  ///   - scale: one number for all channels or one for each
  ///   - pixelLimit: the largest number of pixels of the result
  /// - Throws: `ImageError` for invalid arguments, or a result that is too large
  public func tensor(
    channels: Int? = nil, height: Int? = nil, width: Int? = nil, mean: [Float] = [0],
    scale: [Float] = [1], pixelLimit: Int = Image.defaultPixelLimit
  ) throws(ImageError) -> Tensor {
    let channels = channels ?? self.channels
    let height = height ?? self.height
    let width = width ?? self.width
    guard channels == 1 || channels == 3 else {
      throw .request("expected 1 or 3 channels, got \(channels)")
    }
    guard height > 0, width > 0, self.height > 0, self.width > 0 else {
      throw .request("expected a size of at least 1 x 1 pixels, got \(width) x \(height)")
    }
    guard let pixels = [height, width].elementCount, pixels <= pixelLimit else {
      throw .tooLarge(pixels: [height, width].elementCount ?? Int.max, limit: pixelLimit)
    }
    guard [1, channels].contains(mean.count), [1, channels].contains(scale.count) else {
      throw .request(
        "expected 1 or \(channels) means and scales, got \(mean.count) and \(scale.count)")
    }
    let tensor: Tensor
    do { tensor = try Tensor(uninitialized: .float32, shape: [1, channels, height, width]) } catch {
      throw .outOfMemory(bytes: pixels * channels * 4)
    }
    let output = tensor.storage.pointer.assumingMemoryBound(to: Float.self)
    for channel in 0..<channels {
      let plane = plane(channel, of: channels).resized(width: width, height: height)
      let factor = scale[scale.count == 1 ? 0 : channel]
      let shift = mean[mean.count == 1 ? 0 : channel]
      for (index, sample) in plane.samples.enumerated() {
        output[channel * pixels + index] = (sample / 255 - shift) * factor
      }
    }
    return tensor
  }

  /// A channel of the picture converted to `channels` channels, with samples from 0 to 255.
  private func plane(_ channel: Int, of channels: Int) -> Plane {
    let count = width * height
    let samples = [Float](unsafeUninitializedCapacity: count) { samples, initialized in
      if self.channels == 1 || channels == 3 {
        let stride = self.channels
        let offset = self.channels == 1 ? 0 : channel
        for index in 0..<count { samples[index] = Float(pixels[index * stride + offset]) }
      } else {
        for index in 0..<count {
          samples[index] =
            0.299 * Float(pixels[3 * index]) + 0.587 * Float(pixels[3 * index + 1])
            + 0.114 * Float(pixels[3 * index + 2])
        }
      }
      initialized = count
    }
    return Plane(width: width, height: height, samples: samples)
  }

  /// A picture from a float32 or uint8 tensor `[H, W]`, `[C, H, W]` or `[1, C, H, W]` with 1 or 3
  /// channels. Floats from 0 to 1 become samples from 0 to 255; those outside are clamped, and NaN
  /// becomes 0.
  /// - Throws: `ImageError.notAnImage` for another shape or element type
  public init(_ tensor: Tensor) throws(ImageError) {
    var shape = tensor.shape[...]
    if shape.count == 4, shape.first == 1 { shape = shape.dropFirst() }
    if shape.count == 2 { shape = [1] + shape }
    let sizes = Array(shape)
    guard sizes.count == 3, sizes[0] == 1 || sizes[0] == 3, tensor.count > 0 else {
      throw .notAnImage("expected [H,W], [C,H,W] or [1,C,H,W], got \(tensor.type)")
    }
    let planes: [UInt8]
    switch tensor.elementType {
    case .uint8: planes = Array(tensor.elements(as: UInt8.self))
    case .float32:
      planes = tensor.elements(as: Float.self).map { sample in
        sample.isNaN ? 0 : UInt8(min(max(sample * 255, 0), 255).rounded())
      }
    default: throw .notAnImage("expected float32 or uint8, got \(tensor.elementType)")
    }
    let (channels, count) = (sizes[0], sizes[1] * sizes[2])
    var pixels = planes
    if channels > 1 {
      for index in 0..<count {
        for channel in 0..<channels {
          pixels[index * channels + channel] = planes[channel * count + index]
        }
      }
    }
    self.init(width: sizes[2], height: sizes[1], channels: channels, pixels: pixels)
  }
}
