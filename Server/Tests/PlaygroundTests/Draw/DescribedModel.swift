import Foundation

/// What `/playground/draw/models/NAME` says, and its arithmetic, written again from the description.
struct DescribedModel: Decodable {
  struct Numbers: Decodable {
    let shape: [Int]
    let floats: [Float]

    private enum CodingKeys: CodingKey { case shape, data }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      shape = try container.decode([Int].self, forKey: .shape)
      floats = try container.decode(Data.self, forKey: .data).floats
    }
  }

  struct Window: Decodable {
    let kernel, stride, dilation, before, after: [Int]
    let countsPadding: Bool
    let groups: Int
  }

  struct Step: Decodable {
    let name, `operator`, output, kind: String
    let shape, inputs: [Int]
    let window: Window?
    let weights, bias, factors, addends: Numbers?
    let parameters: [Float]
    let added: Bool

    var count: Int { shape.reduce(1, *) }
  }

  let name: String
  let shape: [Int]
  let classes: [String]
  let steps: [Step]
}

extension Data {
  var floats: [Float] {
    withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        Float(
          bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
        )
      }
    }
  }
}

extension DescribedModel {
  /// The answer to a run, cut into the values of the steps.
  func values(_ bytes: Data) -> [[Float]] {
    var rest = bytes.floats[...]
    return steps.map { step in
      defer { rest = rest.dropFirst(step.count) }
      return Array(rest.prefix(step.count))
    }
  }

  /// The value of a step by the arithmetic of its description; `nil` for other kinds.
  func computed(_ step: Step, _ values: [[Float]]) -> [Float]? {
    let x = step.inputs.first.map { values[$0] } ?? []
    switch step.kind {
    case "convolution", "maximum", "average":
      return (0..<step.count).map { window(step, steps[step.inputs[0]].shape, x, at: $0) }
    case "dense":
      guard let weights = step.weights?.floats else { return nil }
      return (0..<step.count).map { unit in
        let row = weights[unit * x.count..<(unit + 1) * x.count]
        return zip(row, x).reduce(0) { $0 + $1.0 * $1.1 } + (step.bias?.floats[unit] ?? 0)
      }
    case "affine":
      guard let factors = step.factors?.floats, let addends = step.addends?.floats else {
        return nil
      }
      let plane = step.count / factors.count
      return x.indices.map { factors[$0 / plane] * x[$0] + addends[$0 / plane] }
    case "sum": return zip(x, values[step.inputs[1]]).map { $0 + $1 }
    case "reshape": return x
    case "softmax":
      let exponentials = x.map { exp($0 - (x.max() ?? 0)) }
      return exponentials.map { $0 / exponentials.reduce(0, +) }
    case "activation": return x.map { activation(step, $0) }
    default: return nil
    }
  }

  private func activation(_ step: Step, _ x: Float) -> Float {
    switch step.operator {
    case "Tanh": tanh(x)
    case "Sigmoid": 1 / (1 + exp(-x))
    case "LeakyRelu": x < 0 ? step.parameters[0] * x : x
    case "Clip": min(max(x, step.parameters[0]), step.parameters[1])
    case "Abs": abs(x)
    default: .nan
    }
  }

  private func window(_ step: Step, _ shape: [Int], _ x: [Float], at index: Int) -> Float {
    guard let window = step.window else { return .nan }
    let (height, width) = (shape[1], shape[2])
    let plane = step.shape[1] * step.shape[2]
    let map = index / plane
    let place = [index % plane / step.shape[2], index % step.shape[2]]
    func at(_ axis: Int, _ i: Int) -> Int {
      place[axis] * window.stride[axis] + i * window.dilation[axis] - window.before[axis]
    }
    let depth = step.weights?.shape[1] ?? 1
    let first = step.kind == "convolution" ? map / (step.shape[0] / window.groups) * depth : map
    var (sum, most, count) = (step.bias?.floats[map] ?? 0, -Float.infinity, 0)
    for channel in 0..<depth {
      for i in 0..<window.kernel[0] {
        for j in 0..<window.kernel[1] {
          let (y, column) = (at(0, i), at(1, j))
          let isInside = (0..<height).contains(y) && (0..<width).contains(column)
          let isCounted = y < height + window.after[0] && column < width + window.after[1]
          if isInside || (window.countsPadding && isCounted) { count += 1 }
          guard isInside else { continue }
          let value = x[((first + channel) * height + y) * width + column]
          most = max(most, value)
          let place = ((map * depth + channel) * window.kernel[0] + i) * window.kernel[1] + j
          sum += value * (step.weights?.floats[place] ?? 1)
        }
      }
    }
    switch step.kind {
    case "maximum": return most
    case "average": return sum / Float(count)
    default: return sum
    }
  }
}
