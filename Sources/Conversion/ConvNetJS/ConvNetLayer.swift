/// The size of a volume of ConvNetJS.
struct VolumeSize: Hashable, CustomStringConvertible {
  var sx: Int
  var sy: Int
  var depth: Int

  /// The most elements, so that no product of sizes overflows.
  static let most = 1 << 28

  /// - Throws: `ConversionError` for a size below 1 or a volume of more elements than `most`
  init(sx: Int, sy: Int, depth: Int) throws(ConversionError) {
    (self.sx, self.sy, self.depth) = (sx, sy, depth)
    var count = 1
    for size in [sx, sy, depth] {
      guard size >= 1 else { throw ConversionError("the volume \(self) is empty") }
      guard size <= Self.most / count else {
        throw ConversionError("the volume \(self) has more than \(Self.most) elements")
      }
      count *= size
    }
  }

  /// The number of elements.
  var count: Int { sx * sy * depth }
  var description: String { "\(sx)×\(sy)×\(depth)" }
}

/// A volume of numbers: that of `(x, y, d)` has the index `(sx·y + x)·depth + d`.
struct Volume {
  var size: VolumeSize
  var elements: [Float]

  /// The elements in the order of ONNX: `[depth, sy, sx]`.
  var channelsFirst: [Float] {
    var result: [Float] = []
    result.reserveCapacity(elements.count)
    for d in 0..<size.depth {
      for place in 0..<size.sx * size.sy { result.append(elements[place * size.depth + d]) }
    }
    return result
  }
}

/// A layer as the JSON has it.
struct ConvNetLayer {
  var type = ""
  /// The fields with numbers, such as `out_depth` and `stride`.
  var numbers: [String: Double] = [:]
  var filters: [Volume] = []
  var biases: Volume?

  /// A field with a number.
  /// - Parameter byDefault: the number where the field is missing
  func number(_ name: String, byDefault: Double? = nil) throws(ConversionError) -> Float {
    guard let value = numbers[name] ?? byDefault else {
      throw ConversionError("the field '\(name)' is missing")
    }
    guard Float(value).isFinite else { throw ConversionError("\(name) is not a finite number") }
    return Float(value)
  }

  /// A field with a whole number of a range.
  /// - Parameter byDefault: the number where the field is missing
  func integer(
    _ name: String, in range: ClosedRange<Int> = 1...65536, byDefault: Int? = nil
  ) throws(ConversionError) -> Int {
    guard let value = numbers[name] ?? byDefault.map(Double.init) else {
      throw ConversionError("the field '\(name)' is missing")
    }
    guard let whole = Int(exactly: value), range.contains(whole) else {
      throw ConversionError(
        "\(name): expected a whole number from \(range.lowerBound) to \(range.upperBound), "
          + "got \(value)")
    }
    return whole
  }

  /// The size that the layer states for its output.
  func outputSize() throws(ConversionError) -> VolumeSize {
    let most = 1...VolumeSize.most
    return try VolumeSize(
      sx: integer("out_sx", in: most), sy: integer("out_sy", in: most),
      depth: integer("out_depth", in: most))
  }
}
