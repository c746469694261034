import ONNXFormat

/// Random pictures of two shapes and sentences that describe them, such as `a small red circle above a
/// large blue square`. Every epoch has new pictures.
///
/// A batch has the tensors `image`, float32 `[N, 3, side, side]` from 0 to 1, and `input` and `target` as
/// in `StringTask`, with words as tokens.
package struct CaptionTask: DecoderTask {
  package let vocabulary: Vocabulary
  package let batchCount: Int
  package let side: Int
  private let size: Int
  private let seed: UInt64

  private static let shapes = ["circle", "square", "triangle"]
  private static let sizes = ["small", "large"]
  private static let colors: [(name: String, rgb: [Float])] = [
    ("red", [0.9, 0.15, 0.1]), ("green", [0.1, 0.7, 0.2]), ("blue", [0.15, 0.3, 0.95]),
    ("yellow", [0.95, 0.85, 0.1]),
  ]
  /// The relations of the first shape to the second, and the directions of both from the centre.
  private static let places:
    [(words: [String], first: (x: Int, y: Int), second: (x: Int, y: Int))] =
      [
        (["above"], (0, -1), (0, 1)), (["below"], (0, 1), (0, -1)),
        (["left", "of"], (-1, 0), (1, 0)), (["right", "of"], (1, 0), (-1, 0)),
      ]

  /// - Parameters:
  ///   - side: The width and height of a picture in pixels, at least 16.
  ///   - size: The number of pictures in a batch.
  ///   - batchCount: The number of batches per epoch.
  package init(
    side: Int = 32, size: Int, batchCount: Int, seed: UInt64
  ) throws(DataError) {
    precondition(side >= 16 && size > 0 && batchCount > 0)
    self.side = side
    self.size = size
    self.batchCount = batchCount
    self.seed = seed
    let words =
      ["a"] + Self.sizes + Self.colors.map(\.name) + Self.shapes
      + ["above", "below", "left", "right", "of"]
    vocabulary = try Vocabulary(
      [Vocabulary.padding, Vocabulary.start, Vocabulary.end] + words, unit: .word)
  }

  private struct Item {
    let shape: Int
    let size: Int
    let color: Int
    let x: Float
    let y: Float

    /// The words that describe the shape.
    var words: [String] {
      ["a", CaptionTask.sizes[size], CaptionTask.colors[color].name, CaptionTask.shapes[shape]]
    }

    /// Whether a point is inside the shape.
    func contains(_ px: Float, _ py: Float, side: Float) -> Bool {
      let radius = side * (size == 0 ? 0.11 : 0.2)
      let (dx, dy) = (px - x, py - y)
      switch shape {
      case 0: return dx * dx + dy * dy <= radius * radius
      case 1: return abs(dx) <= 0.9 * radius && abs(dy) <= 0.9 * radius
      default: return abs(dy) <= radius && abs(dx) <= (dy + radius) / 2
      }
    }
  }

  private func scene(_ random: inout RandomStream) -> (items: [Item], words: [String]) {
    let place = Self.places[random.integer(below: Self.places.count)]
    let items = [place.first, place.second].map { spot in
      let shape = random.integer(below: Self.shapes.count)
      let size = random.integer(below: Self.sizes.count)
      let color = random.integer(below: Self.colors.count)
      func coordinate(_ direction: Int) -> Float {
        let center = 0.5 + 0.25 * Double(direction)
        let spread = direction == 0 ? 0.15 : 0.03
        return Float(Double(side) * (center + random.uniform(-spread, spread)))
      }
      return Item(
        shape: shape, size: size, color: color, x: coordinate(spot.x), y: coordinate(spot.y))
    }
    return (items, items[0].words + place.words + items[1].words)
  }

  /// The sentences of a batch.
  package func captions(epoch: Int, index: Int) -> [String] {
    (0..<size).map { example in
      var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index), UInt64(example))
      return scene(&random).words.joined(separator: " ")
    }
  }

  package func batch(epoch: Int, index: Int) throws(DataError) -> Batch {
    var scenes: [(items: [Item], words: [String])] = []
    for example in 0..<size {
      var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index), UInt64(example))
      scenes.append(scene(&random))
    }
    let plane = side * side
    let image = try Tensor(data: Float.self, shape: [size, 3, side, side]) { target in
      for (row, scene) in scenes.enumerated() {
        for pixel in 0..<plane {
          let x = Float(pixel % side) + 0.5
          let y = Float(pixel / side) + 0.5
          let item = scene.items.first { $0.contains(x, y, side: Float(side)) }
          for channel in 0..<3 {
            target[(row * 3 + channel) * plane + pixel] =
              item.map { Self.colors[$0.color].rgb[channel] } ?? 1
          }
        }
      }
    }
    var targets: [[Int32]] = []
    for scene in scenes { targets.append(try vocabulary.numbers(of: scene.words)) }
    var tensors = try decoderTensors(targets)
    tensors["image"] = image
    return Batch(tensors, count: size)
  }
}
