import Foundation
import ONNX

/// The data of a training run.
struct DataChoice: Codable, Sendable, Equatable {
  /// The sets of data.
  enum Kind: String, Codable, Sendable, CaseIterable {
    case spirals, circles, xor, gaussians, digits, mnist, parity

    /// Whether the examples are points of the plane.
    var isCloud: Bool { [.spirals, .circles, .xor, .gaussians].contains(self) }
    /// Whether the examples are pictures of digits.
    var isDigits: Bool { self == .digits || self == .mnist }
  }

  var kind: Kind
  /// How far points are from their place, from 0 to 1. Other data has none.
  var noise = 0.0
  /// Determines the points. Digits do not depend on it.
  var seed = 1

  /// The bits of a string whose parity is asked for.
  static let bits = 8

  /// The shape of an example.
  var shape: [Int] {
    kind.isCloud ? [2] : kind.isDigits ? [1, 28, 28] : [Self.bits, 1]
  }

  /// The names of the classes.
  var classes: [String] {
    switch kind {
    case .digits, .mnist: (0...9).map(String.init)
    case .parity: ["even", "odd"]
    default: ["blue", "orange"]
    }
  }
}

/// Points of two classes, and bit strings, which are made rather than read.
enum MadeData {
  static let trainCount = 300
  static let testCount = 200
  /// Points have coordinates from minus to plus this.
  static let extent = 3.0

  /// The points of a cloud, one after the other `x`, `y`, and their classes.
  static func points(_ choice: DataChoice, count: Int, name: String) -> ([Float], [Int64]) {
    var random = RandomStream(seed: UInt64(choice.seed), name: name)
    var (points, labels) = ([Float](), [Int64]())
    for index in 0..<count {
      let label = index % 2
      var (x, y) = place(choice.kind, label, &random)
      x += choice.noise * random.normal()
      y += choice.noise * random.normal()
      points += [x, y].map { Float(min(max($0, -extent), extent)) }
      labels.append(Int64(label))
    }
    return (points, labels)
  }

  private static func place(
    _ kind: DataChoice.Kind, _ label: Int, _ random: inout RandomStream
  ) -> (Double, Double) {
    let side = label == 0 ? -1.0 : 1.0
    func polar(_ radius: Double, _ turns: Double) -> (Double, Double) {
      (radius * cos(2 * .pi * turns), radius * sin(2 * .pi * turns))
    }
    switch kind {
    case .circles:
      let radius = label == 0 ? 1.1 * random.uniform().squareRoot() : random.uniform(1.8, 2.6)
      return polar(radius, random.uniform())
    case .xor:
      let (x, y) = (random.uniform(0.15, 2.6), random.uniform(0.15, 2.6))
      let left = random.uniform() < 0.5 ? -1.0 : 1.0
      return (left * x, left * side * y)
    case .gaussians:
      return (1.2 * side + 0.5 * random.normal(), 1.2 * side + 0.5 * random.normal())
    default:
      let t = random.uniform(0.04, 1)
      return polar(2.8 * t, 1.75 * t + (label == 0 ? 0 : 0.5))
    }
  }

  /// All strings of `DataChoice.bits` bits in random order: those to train on, then the others.
  static func strings(seed: Int) -> [(bits: [Float], parity: Int64)] {
    var random = RandomStream(seed: UInt64(seed), name: "strings")
    return random.permutation(1 << DataChoice.bits).map { number in
      let bits = (0..<DataChoice.bits).map { Float(number >> $0 & 1) }
      return (bits, Int64(number.nonzeroBitCount % 2))
    }
  }
}
