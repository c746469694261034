import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Resamples the input along its axes, to given sizes or to `floor(size · scale)`.
struct Resize: Operator {
  static let schema = Schema(
    "Resize",
    [
      11: .classic, 13: [.classic, .bfloat16], 18: [.classic, .bfloat16],
      19: [.classic, .bfloat16],
    ], inputs: 1...4)
  let rule: Resampling
  let axes: [Int]?
  let policy: String

  init(_ node: inout NodeReader) throws(OperatorError) {
    var rule = Resampling()
    let mode = try node.choice("mode", default: "nearest", among: ["nearest", "linear", "cubic"])
    rule.mode = Resampling.Mode(rawValue: mode) ?? .nearest
    let missing: [Resampling.Coordinates] =
      node.version < 13
      ? [.halfPixelSymmetric]
      : node.version < 19 ? [.halfPixelSymmetric, .halfPixelForNearest] : [.halfPixelForNearest]
    let coordinates = try node.choice(
      "coordinate_transformation_mode", default: "half_pixel",
      among: Resampling.Coordinates.allCases.filter { !missing.contains($0) }.map(\.rawValue))
    rule.coordinates = Resampling.Coordinates(rawValue: coordinates) ?? .halfPixel
    let rounding = try node.choice(
      "nearest_mode", default: "round_prefer_floor",
      among: ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    rule.rounding = Resampling.Rounding(rawValue: rounding) ?? .preferFloor
    rule.cubicCoefficient = Double(try node.float("cubic_coeff_a", default: -0.75))
    rule.excludesOutside = try node.flag("exclude_outside")
    rule.extrapolation = Double(try node.float("extrapolation_value", default: 0))
    if node.version >= 18 {
      rule.isAntialiased = try node.flag("antialias")
      axes = try node.optionalInts("axes")
      policy = try node.choice(
        "keep_aspect_ratio_policy", default: "stretch",
        among: ["stretch", "not_larger", "not_smaller"])
    } else {
      axes = nil
      policy = "stretch"
    }
    self.rule = rule
  }

  var shapeInputs: [Int] { [2, 3] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    if inputs.has(2) { _ = try inputs.tensor(2, .float32) }
    if inputs.has(3) { _ = try inputs.tensor(3, .int64) }
    guard let shape = input.shape else { return [.tensor(input.elementType, nil)] }
    var result = Shape(rank: shape.rank)
    if let axes {
      let own = try normalized(axes: axes, rank: shape.rank)
      for axis in 0..<shape.rank where !own.contains(axis) { result[axis] = shape[axis] }
    }
    if let sizes = shape.sizes, let axes = try resampled(inputs, sizes) {
      result = Shape(axes.map(\.output))
    }
    return [.tensor(input.elementType, result)]
  }

  /// The resampling of each axis; `nil` if it depends on inputs that are not constant.
  private func resampled(
    _ inputs: Inputs, _ sizes: [Int]
  ) throws(OperatorError) -> [Resampling.Axis]? {
    let places = try normalized(axes: axes ?? Array(sizes.indices), rank: sizes.count)
    var result = sizes.map { Resampling.Axis(input: $0, output: $0, scale: 1) }
    // An empty tensor is equivalent to an omitted one.
    let scales = inputs.has(2) ? inputs.constant(2) : nil
    let wanted = inputs.has(3) ? try inputs.integers(3) : nil
    if inputs.has(2) && scales == nil { return nil }
    if inputs.has(3) && wanted == nil { return nil }
    if let wanted, !wanted.isEmpty {
      try fit(&result, places, wanted)
    } else if let scales, scales.count > 0 {
      try scale(&result, places, scales.elements(as: Float.self).map(Double.init))
    } else {
      throw .invalid("expected scales or sizes, got neither")
    }
    guard rule.coordinates == .cropAndResize else { return result }
    guard inputs.has(1) else { throw .input(1, "is missing") }
    guard let roi = inputs.constant(1) else { return nil }
    let region = try numbers(roi)
    guard region.count == 2 * places.count else {
      throw .input(1, "expected \(2 * places.count) elements, two per axis, got \(region.count)")
    }
    for (index, axis) in places.enumerated() {
      result[axis].start = region[index]
      result[axis].end = region[places.count + index]
    }
    return result
  }

  private func numbers(_ tensor: Tensor) throws(OperatorError) -> [Double] {
    switch tensor.elementType {
    case .float32: tensor.elements(as: Float.self).map(Double.init)
    case .float64: Array(tensor.elements(as: Double.self))
    case .float16: tensor.elements(as: Float16.self).map(Double.init)
    default: throw .input(1, "expected a floating-point type, got \(tensor.elementType)")
    }
  }

  private func fit(
    _ result: inout [Resampling.Axis], _ places: [Int], _ wanted: [Int]
  ) throws(OperatorError) {
    guard wanted.count == places.count, wanted.allSatisfy({ $0 >= 0 }) else {
      throw .input(3, "expected \(places.count) sizes of 0 or more, got \(wanted)")
    }
    for (size, axis) in zip(wanted, places) {
      guard result[axis].input > 0 || size == 0 else {
        throw .input(0, "an axis of size 0 can only be resized to size 0")
      }
      result[axis].output = size
      result[axis].scale = Double(size) / Double(max(result[axis].input, 1))
    }
    guard policy != "stretch" else { return }
    let ratios = places.map { result[$0].scale }
    guard let ratio = policy == "not_larger" ? ratios.min() : ratios.max() else { return }
    for axis in places {
      let size = (ratio * Double(result[axis].input) + 0.5).rounded(.down)
      guard let output = Int(exactly: size) else { throw .input(3, "size \(wanted) overflows") }
      result[axis].output = output
      result[axis].scale = ratio
    }
  }

  private func scale(
    _ result: inout [Resampling.Axis], _ places: [Int], _ scales: [Double]
  ) throws(OperatorError) {
    guard scales.count == places.count else {
      throw .input(2, "expected \(places.count) scales, got \(scales.count)")
    }
    for (scale, axis) in zip(scales, places) { try result[axis].apply(scale: scale, input: 2) }
  }

  func resampling(
    _ inputs: Inputs, _ sizes: [Int]
  ) throws(OperatorError) -> (rule: Resampling, axes: [Resampling.Axis])? {
    try resampled(inputs, sizes).map { (rule, $0) }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let axes = try resampled(call.inputs, try call.inputSizes(0)) else {
      throw .invalid("scales, sizes and roi must be constant")
    }
    return try rule.kernel(call, axes)
  }
}

extension Resize {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        11,
        up: { change throws(OperatorError) in
          let scales = try change.input(1)
          if try change.string("mode") ?? "nearest" == "nearest" {
            let values = try change.floats(1)
            let isUp = values.allSatisfy { $0 >= 1 }
            guard isUp || values.allSatisfy({ $0 <= 1 }) else {
              throw .input(1, "scales both above and below 1 have no equivalent nearest_mode")
            }
            change.set(.string("nearest_mode", isUp ? "floor" : "ceil"))
          }
          change.set(.string("coordinate_transformation_mode", "asymmetric"))
          change.node.inputs = [change.node.inputs[0], change.emptyFloats("roi"), scales]
        },
        down: { change throws(OperatorError) in try change.resizeByScales() }),
      VersionStep(
        13,
        up: { change throws(OperatorError) in
          if try change.string("coordinate_transformation_mode") == "tf_half_pixel_for_nn" {
            throw .attribute("coordinate_transformation_mode", "the target version lacks this mode")
          }
        },
        down: { change throws(OperatorError) in
          for input in 1...2 where !change.has(input) {
            change.setInput(input, change.emptyFloats(input == 1 ? "roi" : "scales"))
          }
        }),
      VersionStep(
        18,
        down: { change throws(OperatorError) in
          try change.dropNeutral("antialias", .int(0))
          try change.dropNeutral("keep_aspect_ratio_policy", .string("stretch"))
          try change.resizeAllAxes()
        }),
      VersionStep(
        19,
        down: { change throws(OperatorError) in
          if try change.string("coordinate_transformation_mode") == "half_pixel_symmetric" {
            throw .attribute("coordinate_transformation_mode", "the target version lacks this mode")
          }
        }),
    ]
  }
}

extension VersionChange {
  fileprivate mutating func emptyFloats(_ hint: String) -> String {
    constant(Tensor(shape: [0], [Float]()), hint)
  }

  /// Changes the node to the form of version 10: scales and asymmetric coordinates.
  fileprivate mutating func resizeByScales() throws(OperatorError) {
    let mode = try string("mode") ?? "nearest"
    let coordinates = try string("coordinate_transformation_mode") ?? "half_pixel"
    guard mode != "cubic", coordinates == "asymmetric" else {
      throw .attribute(
        "coordinate_transformation_mode",
        "the target version only supports asymmetric, nearest or linear")
    }
    var scales = has(2) ? constant(2) == nil ? nil : try floats(2) : []
    if let list = scales, list.isEmpty {
      guard let input = sizes(0), has(3) else {
        throw .input(2, "expected constant sizes and a known input shape")
      }
      let wanted = try integers(3)
      guard wanted.count == input.count, input.allSatisfy({ $0 > 0 }) else {
        throw .input(3, "expected one size per axis of a nonempty input")
      }
      let found = zip(wanted, input).map { Float($0) / Float($1) }
      guard
        zip(zip(found, input), wanted).allSatisfy({
          Int(exactly: ($0.0 * Float($0.1)).rounded(.down)) == $1
        })
      else {
        throw .input(3, "no scales give exactly these sizes in float32")
      }
      scales = found
      setInput(2, constant(Tensor(shape: [found.count], found), "scales"))
    }
    if mode == "nearest" {
      guard let scales else { throw .input(2, "scales must be constant") }
      let isUp = scales.allSatisfy { $0 >= 1 }
      let isDown = scales.allSatisfy { $0 <= 1 }
      let rounding = try string("nearest_mode") ?? "round_prefer_floor"
      guard isUp && isDown || isUp && rounding == "floor" || isDown && rounding == "ceil" else {
        throw .attribute(
          "nearest_mode", "the target version rounds down to enlarge and up to shrink")
      }
    }
    drop(
      "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside",
      "extrapolation_value")
    node.inputs = [try input(0), try input(2)]
  }

  /// Replaces scales or sizes for `axes` by values for all axes.
  fileprivate mutating func resizeAllAxes() throws(OperatorError) {
    guard let axes = try ints("axes") else { return }
    let rank = try rank(0)
    let places = try normalized(axes: axes, rank: rank)
    if has(1), constant(1)?.count != 0 {
      let roi = try floats(1)
      guard roi.count == 2 * places.count else {
        throw .input(1, "expected two values per axis of 'axes'")
      }
      var all = Array(repeating: Float(0), count: rank) + Array(repeating: Float(1), count: rank)
      for (index, axis) in places.enumerated() {
        all[axis] = roi[index]
        all[axis + rank] = roi[index + places.count]
      }
      setInput(1, constant(Tensor(shape: [all.count], all), "roi"))
    }
    if has(2), constant(2)?.count != 0 {
      let scales = try floats(2)
      guard scales.count == places.count else {
        throw .input(2, "expected one scale per axis of 'axes'")
      }
      var all = Array(repeating: Float(1), count: rank)
      for (axis, scale) in zip(places, scales) { all[axis] = scale }
      setInput(2, constant(Tensor(shape: [rank], all), "scales"))
    } else if has(3) {
      let wanted = try integers(3)
      guard wanted.count == places.count, var all = sizes(0) else {
        throw .input(3, "expected one size per axis of 'axes' and a known input shape")
      }
      for (axis, size) in zip(places, wanted) { all[axis] = size }
      setInput(3, integers(all, "sizes"))
    }
    drop("axes")
  }
}

extension Resize {
  static func exactInputs(_ node: Node) -> [Int] { [1, 2] }
}

extension Resize {
  static func movedInputs(_ node: Node) -> [Int] {
    func text(_ name: String) -> String? {
      guard case .string(let text)? = node.attribute(name)?.value else { return nil }
      return String(decoding: text.bytes, as: UTF8.self)
    }
    return text("mode") ?? "nearest" == "nearest"
      && text("coordinate_transformation_mode") != "tf_crop_and_resize" ? [0] : []
  }
}
