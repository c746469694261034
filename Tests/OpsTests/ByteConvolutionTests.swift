import ONNX
import ONNXOperators
import Testing

/// Compares convolutions of 8-bit integers with plain loops.
@Suite struct ByteConvolutionTests {
  @Test(arguments: 0..<80) func addsExactly(seed: UInt64) throws {
    var random = Random(seed)
    let form = Form(&random)
    let x = form.bytes(form.image, isSigned: form.isSignedX, &random)
    let w = form.bytes(form.weights, isSigned: form.isSignedW, &random)
    let zeroX = form.bytes([], isSigned: form.isSignedX, &random)
    let zeroW = form.bytes(
      Bool.random(using: &random) ? [form.weights[0]] : [1], isSigned: form.isSignedW, &random)
    let omitted = Int.random(in: 0...3, using: &random)
    let zeros = [omitted & 1 == 0 ? zeroX : nil, omitted & 2 == 0 ? zeroW : nil]
    let node = Node(
      "ConvInteger", inputs: ["x", "w", "zx", "zw"], outputs: ["y"], attributes: form.attributes)
    let expected = form.sums(x, w, zeros[0], zeros[1])
    for constants in [[], [1], [1, 2, 3]] as [Set<Int>] {
      let threads = Int.random(in: 1...3, using: &random)
      let y = try evaluatePrepared(
        node, [x, w] + zeros, constants: constants, threads: threads)
      #expect(Array(y.elements(as: Int32.self)) == expected, "\(form), known are \(constants)")
    }
  }

  @Test(arguments: 0..<80) func roundsAndSaturates(seed: UInt64) throws {
    var random = Random(seed &+ 1000)
    let form = Form(&random)
    let maps = form.weights[0]
    let x = form.bytes(form.image, isSigned: form.isSignedX, &random)
    let w = form.bytes(form.weights, isSigned: form.isSignedW, &random)
    let zeroX = form.bytes([], isSigned: form.isSignedX, &random)
    let lines = Bool.random(using: &random) ? maps : 1
    let zeroW = form.bytes([lines], isSigned: form.isSignedW, &random)
    let isSignedY = Bool.random(using: &random)
    let zeroY = form.bytes([], isSigned: isSignedY, &random)
    let size = form.weights.dropFirst().reduce(1, *)
    let scaleW = (0..<lines).map { _ in Float.random(in: 0.1...1, using: &random) }
    let scaleX: Float = 0.02
    let scaleY = Float.random(in: 0.5...4, using: &random) * Float(size).squareRoot() * 4
    let bias = (0..<maps).map { _ in Int32.random(in: -2000...2000, using: &random) }
    let node = Node(
      "QLinearConv", inputs: ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"], outputs: ["y"],
      attributes: form.attributes)
    let inputs = [
      x, Tensor(scaleX), zeroX, w, Tensor(shape: [lines], scaleW), zeroW, Tensor(scaleY), zeroY,
      Tensor(shape: [maps], bias),
    ]
    let sums = form.sums(x, w, zeroX, zeroW)
    let perMap = sums.count / (form.image[0] * maps)
    let zero = Form.numbers(zeroY)[0]
    let expected = sums.enumerated().map { index, sum in
      let map = index / perMap % maps
      let factor = scaleX * scaleW[lines == 1 ? 0 : map] / scaleY
      let rounded = (Float(sum &+ bias[map]) * factor).rounded(.toNearestOrEven)
      return min(max(Int(rounded) + zero, isSignedY ? -128 : 0), isSignedY ? 127 : 255)
    }
    for constants in [[], Set(1...8)] as [Set<Int>] {
      let threads = Int.random(in: 1...3, using: &random)
      let y = try evaluatePrepared(node, inputs, constants: constants, threads: threads)
      #expect(Form.numbers(y) == expected, "\(form), known are \(constants)")
    }
  }

  @Test func givesTheLeastValueForNaN() throws {
    let node = Node(
      "QLinearConv", inputs: ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"], outputs: ["y"])
    let y = try evaluatePrepared(
      node,
      [
        Tensor(shape: [1, 1, 3], [1, 2, 3] as [UInt8]), Tensor(Float.nan), Tensor(0 as UInt8),
        Tensor(shape: [2, 1, 1], [1, 1] as [Int8]), Tensor(1 as Float), Tensor(0 as Int8),
        Tensor(1 as Float), Tensor(5 as Int8),
      ])
    #expect(y == Tensor(shape: [1, 2, 3], [Int8](repeating: -128, count: 6)))
  }
}

/// A random form of a convolution of one to three axes.
private struct Form: CustomStringConvertible {
  let image: [Int]
  let weights: [Int]
  let groups: Int
  let strides: [Int]
  let dilations: [Int]
  let pads: [Int]
  let isSignedX: Bool
  let isSignedW: Bool

  init(_ random: inout Random) {
    let rank = [1, 2, 2, 2, 3].randomElement(using: &random) ?? 2
    let isDepthwise = Bool.random(using: &random)
    groups =
      isDepthwise
      ? Int.random(in: 1...20, using: &random) : [1, 1, 2, 5].randomElement(using: &random) ?? 1
    let channels = isDepthwise ? 1 : Int.random(in: 1...(rank == 3 ? 5 : 40), using: &random)
    let maps =
      isDepthwise ? Int.random(in: 1...2, using: &random) : Int.random(in: 1...30, using: &random)
    let square = [nil, nil, 1, 3, 5].randomElement(using: &random) ?? nil
    let step = Int.random(in: 1...3, using: &random)
    let own = (0..<rank).map { _ in square ?? Int.random(in: 1...6, using: &random) }
    strides = own.map { _ in square == nil ? Int.random(in: 1...3, using: &random) : step }
    let isDilated = Int.random(in: 0...3, using: &random) == 0
    let spacing = own.map { _ in isDilated ? Int.random(in: 1...3, using: &random) : 1 }
    dilations = spacing
    pads = (0..<2 * rank).map { _ in Int.random(in: 0...3, using: &random) }
    let batch = [1, 1, 2, 9].randomElement(using: &random) ?? 1
    let most = (rank == 3 ? 4 : rank == 2 ? 24 : 90) / (batch == 9 ? 3 : 1)
    let sizes = own.indices.map {
      (own[$0] - 1) * spacing[$0] + 1 + Int.random(in: 0...most, using: &random)
    }
    image = [batch, groups * channels] + sizes
    weights = [groups * maps, channels] + own
    isSignedX = Bool.random(using: &random)
    isSignedW = Bool.random(using: &random)
  }

  var attributes: [Attribute] {
    [
      .int("group", groups), .ints("strides", strides), .ints("dilations", dilations),
      .ints("pads", pads),
    ]
  }
  var description: String {
    "\(image) by \(weights), \(groups) groups, strides \(strides), dilations \(dilations), "
      + "pads \(pads), signed: \(isSignedX), \(isSignedW)"
  }

  /// Random or extreme bytes.
  func bytes(_ shape: [Int], isSigned: Bool, _ random: inout Random) -> Tensor {
    let extreme: UInt8? = [nil, nil, 0, 127, 128, 255].randomElement(using: &random) ?? nil
    let values = (0..<shape.reduce(1, *)).map { _ in
      extreme ?? UInt8.random(in: 0...255, using: &random)
    }
    return isSigned
      ? Tensor(shape: shape, values.map { Int8(bitPattern: $0) }) : Tensor(shape: shape, values)
  }

  static func numbers(_ tensor: Tensor) -> [Int] {
    tensor.elementType == .int8
      ? tensor.elements(as: Int8.self).map { Int($0) }
      : tensor.elements(as: UInt8.self).map { Int($0) }
  }

  /// The sums by plain loops over three axes, modulo 2³².
  func sums(_ x: Tensor, _ w: Tensor, _ zeroX: Tensor?, _ zeroW: Tensor?) -> [Int32] {
    let (values, weights) = (Self.numbers(x), Self.numbers(w))
    let zeroX = zeroX.map { Self.numbers($0)[0] } ?? 0
    let zerosW = zeroW.map { Self.numbers($0) } ?? [0]
    func three(_ sizes: some Collection<Int>, _ missing: Int) -> [Int] {
      Array(repeating: missing, count: 3 - sizes.count) + sizes
    }
    let rank = strides.count
    let (input, kernel) = (three(image.dropFirst(2), 1), three(self.weights.dropFirst(2), 1))
    let (stride, dilation) = (three(strides, 1), three(dilations, 1))
    let (begin, end) = (three(pads.prefix(rank), 0), three(pads.suffix(rank), 0))
    let output = (0..<3).map { axis -> Int in
      let extent = (kernel[axis] - 1) * dilation[axis] + 1
      let room = input[axis] + begin[axis] + end[axis] - extent
      return room / stride[axis] + 1
    }
    let (channels, maps) = (self.weights[1], self.weights[0])
    let plane = input.reduce(1, *)
    let taps = kernel.reduce(1, *)
    var sums: [Int32] = []
    for n in 0..<image[0] {
      for map in 0..<maps {
        let zeroW = zerosW[zerosW.count == 1 ? 0 : map]
        let first = n * image[1] + map / (maps / groups) * channels
        for place in 0..<output[0] * output[1] * output[2] {
          let oz = place / (output[1] * output[2]) * stride[0] - begin[0]
          let oy = place / output[2] % output[1] * stride[1] - begin[1]
          let ox = place % output[2] * stride[2] - begin[2]
          var sum = 0
          var tap = 0
          for kz in 0..<kernel[0] {
            for ky in 0..<kernel[1] {
              for kx in 0..<kernel[2] {
                let (z, y, x) = (
                  oz + kz * dilation[0], oy + ky * dilation[1], ox + kx * dilation[2]
                )
                if z >= 0, z < input[0], y >= 0, y < input[1], x >= 0, x < input[2] {
                  let pixel = (z * input[1] + y) * input[2] + x
                  for channel in 0..<channels {
                    let value = values[(first + channel) * plane + pixel]
                    sum +=
                      (value - zeroX) * (weights[(map * channels + channel) * taps + tap] - zeroW)
                  }
                }
                tap += 1
              }
            }
          }
          sums.append(Int32(truncatingIfNeeded: sum))
        }
      }
    }
    return sums
  }
}
