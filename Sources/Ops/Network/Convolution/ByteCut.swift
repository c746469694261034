import CKernels

/// The division of an 8-bit convolution into runs of positions and runs of output channels.
struct ByteCut: Sendable {
  /// The number of planes of windows of an image, over all groups.
  let planes: Int
  /// The number of parts of a plane.
  let perPlane: Int
  private let places: Int
  /// Positions from one run to the next, positions in a run.
  private let step: Int
  private let size: Int
  private let maps: Int
  private let mapStep: Int
  private let mapRuns: Int

  /// The number of bytes of weights that stay in the second-level cache.
  private static let weightBytes = 1 << 18
  /// The number of multiplications of a part.
  private static let work = 1 << 22
  /// The number of parts that all threads can share.
  private static let parts = 8

  init(_ geometry: ConvolutionGeometry, _ layout: DirectLayout, _ weights: ByteWeightBlocks) {
    let window = geometry.window
    planes = geometry.groups * window.z.output
    places = layout.places
    maps = geometry.maps
    let fitting = max(1, Self.weightBytes / max(.work(weights.blockSize, 4), 1))
    var runs = (weights.blocks + fitting - 1) / fitting
    let runMaps = (weights.blocks + runs - 1) / runs * weights.block
    let count: Int
    if layout.row > window.x.output + window.x.output / 2, window.x.output >= 16 {
      // More than a third of the positions would be dropped, so each run is a row.
      (step, size, count) = (layout.row, window.x.output, window.y.output)
    } else {
      let tile = ck_int8_places()
      let goal = Self.work / max(.work(runMaps, geometry.depth), 1)
      let length = max(1, goal / tile) * tile
      let own = (places + length - 1) / length
      step = ((places + own - 1) / own + tile - 1) / tile * tile
      size = step
      count = (places + step - 1) / step
    }
    let parts = Int.work(geometry.batch, planes, count)
    if Int.work(parts, runs) < Self.parts,
      Int.work(.work(geometry.batch, planes, places), maps, geometry.depth) > Self.work / 4
    {
      runs = max(runs, min(weights.blocks, (Self.parts + parts - 1) / parts))
    }
    let blocks = (weights.blocks + runs - 1) / runs
    mapStep = blocks * weights.block
    mapRuns = (weights.blocks + blocks - 1) / blocks
    perPlane = count * mapRuns
  }

  /// The positions and output channels of a part of a plane. Parts with the same channels are
  /// adjacent.
  subscript(index: Int) -> (first: Int, count: Int, maps: Range<Int>) {
    let count = perPlane / mapRuns
    let (first, map) = (index % count * step, index / count * mapStep)
    return (first, min(size, places - first), map..<min(map + mapStep, maps))
  }
}
