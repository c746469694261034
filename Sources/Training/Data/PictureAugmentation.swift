import ONNXFormat
import ONNXInterpreter

/// A random change of a training picture.
package enum Augmentation: Sendable, Hashable {
  /// Pads the picture by a number of zeros on each side and cuts it to its old size at a random place
  /// (He et al., 2015).
  case crop(Int)
  /// Mirrors every second picture, left to right.
  case flip
  /// Moves the picture by up to a number of pixels down or up and right or left. Its edges fill the gap.
  case shift(Int)
}

/// Random changes of pictures as a graph of standard operators, which takes the pictures and the draws.
///
/// `Pad` widens the pictures, and `Gather` takes each pixel of the new picture from a place that depends
/// on the draws. The changed pictures have exactly the old values.
package struct PictureAugmentation: Sendable {
  private let session: Session
  private let reach: Int
  private let flips: Bool

  /// - Parameters:
  ///   - changes: The changes, each once; at most one of `crop` and `shift`.
  ///   - sizes: The sizes of a picture, `[C, H, W]`.
  /// - Returns: `nil` for no changes
  /// - Throws: `DataError` for changes that exclude each other or move a picture out of sight
  package init?(_ changes: [Augmentation], sizes: [Int]) throws {
    guard !changes.isEmpty else { return nil }
    var moves: [(pixels: Int, padding: String)] = []
    for case let (pixels, padding)? in changes.map(\.move) { moves.append((pixels, padding)) }
    guard moves.count <= 1, changes.count(where: { $0 == .flip }) <= 1 else {
      throw DataError("expected one of crop and shift, and each change once: both move the picture")
    }
    reach = moves.first?.pixels ?? 0
    flips = changes.contains(.flip)
    guard reach >= 0, reach < min(sizes[1], sizes[2]) else {
      throw DataError(
        "expected pictures to move by less than their size \(sizes[1]) x \(sizes[2]), got \(reach)")
    }
    // Batches are made on a thread of their own, beside the steps.
    var options = SessionOptions()
    options.threads = 1
    session = try Session(
      Self.model(sizes, reach: reach, padding: moves.first?.padding ?? "constant"),
      options: options)
  }

  /// The graph: `image`, float32 `[N, C, H, W]`, `corner`, int64 `[N, 2]`, the row and column of the new
  /// picture's corner in the padded one, and `mirrored`, bool `[N]`, give `changed`.
  static func model(
    _ sizes: [Int], reach: Int, padding: String
  ) throws(ModelError) -> Model {
    let (channels, height, width) = (sizes[0], sizes[1], sizes[2])
    let (rows, columns) = (height + 2 * reach, width + 2 * reach)
    let m = ModelBuilder()
    let image = try m.input(
      "image", ["N", .size(channels), .size(height), .size(width)])
    let corner = try m.input("corner", ["N", 2], .int64)
    let mirrored = try m.input("mirrored", ["N"], .bool)
    let padded = try m.node(
      "Pad", [image, m.integers([0, 0, reach, reach, 0, 0, reach, reach], hint: "pads")],
      [.string("mode", padding)])
    // The place of a picture's corner among all pixels, and the places of its pixels from there.
    let count = try m.squeeze(
      m.node("Shape", [image], [.int("start", 0), .int("end", 1)]), 0)
    let picture = try m.node(
      "Range", [m.integer(0), count, m.integer(1)])
    let before = try m.multiply(picture, m.integer(channels * rows * columns))
    let inside = try m.node(
      "ReduceSum", [m.multiply(corner, m.integers([columns, 1])), m.integers([1])],
      [.int("keepdims", 0)])
    func places(_ column: (Int) -> Int) -> Tensor {
      Tensor(
        shape: [channels, height, width],
        (0..<channels * height * width).map { index in
          let (row, channel) = (index / width % height, index / width / height)
          return Int64((channel * rows + row) * columns + column(index % width))
        })
    }
    let pixels = try m.node(
      "Where",
      [
        m.reshape(mirrored, [-1, 1, 1, 1]), m.constant(places { width - 1 - $0 }),
        m.constant(places { $0 }),
      ])
    let indices = try m.add(m.reshape(m.add(before, inside), [-1, 1, 1, 1]), pixels)
    try m.output("changed", m.node("Gather", [m.reshape(padded, [-1]), indices]))
    return try m.model(name: "augmentation")
  }

  /// The pictures of a batch, each changed by its own draws.
  /// - Throws: `DataError` for other tensors than float32 `[N, C, H, W]`
  package func changed(_ images: Tensor, _ random: inout RandomStream) throws -> Tensor {
    guard images.elementType == .float32, images.shape.count == 4 else {
      throw DataError("augmentation expects pictures float32[N,C,H,W], found \(images.type)")
    }
    var mirrored: [Bool] = []
    var corners: [Int64] = []
    for _ in 0..<images.shape[0] {
      mirrored.append(flips && random.integer(below: 2) == 1)
      let right = random.integer(below: 2 * reach + 1)
      let down = random.integer(below: 2 * reach + 1)
      corners += [Int64(2 * reach - down), Int64(2 * reach - right)]
    }
    let outputs = try session.run([
      "image": images, "mirrored": Tensor(shape: [mirrored.count], mirrored),
      "corner": Tensor(shape: [mirrored.count, 2], corners),
    ])
    guard let changed = outputs["changed"] else { throw DataError("augmentation has no output") }
    return changed
  }

  /// The first eight pictures, and below them three changed versions of each.
  package func examples(
    _ source: any ExampleSource, _ name: String, seed: UInt64
  ) throws -> [Tensor] {
    let batch = try source.batch(of: Array(0..<min(8, source.count)))
    guard let images = batch.tensors[name] else { return [] }
    return try [images]
      + (0..<3).map { version in
        var random = RandomStream(seed: seed, UInt64(version), 0)
        return try changed(images, &random)
      }
  }
}

extension Augmentation {
  /// The pixels by which a picture moves at most, and what fills the gap.
  fileprivate var move: (pixels: Int, padding: String)? {
    switch self {
    case .crop(let pixels): (pixels, "constant")
    case .shift(let pixels): (pixels, "edge")
    case .flip: nil
    }
  }
}

extension ModelBuilder {
  /// Adds a constant int64 scalar.
  fileprivate func integer(_ value: Int) throws(ModelError) -> Signal {
    try constant(Tensor(Int64(value)))
  }
}

extension BatchSource {
  /// Changes the pictures of each batch at random, others in each epoch.
  /// - Parameters:
  ///   - augmentation: The changes; `nil` for none.
  ///   - name: The name of the pictures in a batch.
  package func augmented(
    _ augmentation: PictureAugmentation?, _ name: String, seed: UInt64
  ) -> any BatchSource {
    guard let augmentation else { return self }
    return MappedBatches(self) { batch, epoch, index in
      guard let images = batch.tensors[name] else { return }
      var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
      batch.tensors[name] = try augmentation.changed(images, &random)
    }
  }
}
