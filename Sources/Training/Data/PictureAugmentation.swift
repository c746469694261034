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
/// `AffineGrid` computes the place in the old picture of each pixel of the new one, `GridSample` takes
/// the pixel there. Places are whole pixels, so the changed pictures have exactly the old values.
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
      Self.model(sizes, padding: moves.first?.padding ?? "zeros"), options: options)
  }

  /// The graph: `image`, float32 `[N, C, H, W]`, `side`, float32 `[N]`, −1 for a mirrored picture and 1
  /// for others, and `move`, float32 `[N, 2]`, the pixels to the right and down, give `changed`.
  static func model(_ sizes: [Int], padding: String) throws(ModelError) -> Model {
    var m = ModelBuilder()
    let image = try m.input("image", ["N", .size(sizes[0]), .size(sizes[1]), .size(sizes[2])])
    let side = try m.input("side", ["N"])
    let move = try m.input("move", ["N", 2])
    // The rows (side, 0, x) and (0, 1, y), where a picture is 2 wide and high.
    let scale = Tensor(shape: [2], [-2 / Float(sizes[2]), -2 / Float(sizes[1])])
    let moves = try m.unsqueeze(m.multiply(move, m.constant(scale)), 2)
    let first = Tensor(shape: [1, 2, 2], [1, 0, 0, 0] as [Float])
    let second = Tensor(shape: [1, 2, 2], [0, 0, 0, 1] as [Float])
    let sides = try m.unsqueeze(m.unsqueeze(side, 1), 2)
    let turns = try m.add(m.multiply(sides, m.constant(first)), m.constant(second))
    let grid = try m.node(
      "AffineGrid", [m.concatenate([turns, moves], axis: 2), m.node("Shape", [image])])
    let changed = try m.node(
      "GridSample", [image, grid], [.string("mode", "nearest"), .string("padding_mode", padding)])
    try m.output("changed", changed)
    return try m.model(name: "augmentation")
  }

  /// The pictures of a batch, each changed by its own draws.
  /// - Throws: `DataError` for other tensors than float32 `[N, C, H, W]`
  package func changed(_ images: Tensor, _ random: inout RandomStream) throws -> Tensor {
    guard images.elementType == .float32, images.shape.count == 4 else {
      throw DataError("augmentation expects pictures float32[N,C,H,W], found \(images)")
    }
    var sides: [Float] = []
    var moves: [Float] = []
    for _ in 0..<images.shape[0] {
      sides.append(flips && random.integer(below: 2) == 1 ? -1 : 1)
      for _ in 0..<2 { moves.append(Float(random.integer(below: 2 * reach + 1) - reach)) }
    }
    let outputs = try session.run([
      "image": images, "side": Tensor(shape: [sides.count], sides),
      "move": Tensor(shape: [sides.count, 2], moves),
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
    case .crop(let pixels): (pixels, "zeros")
    case .shift(let pixels): (pixels, "border")
    case .flip: nil
    }
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
