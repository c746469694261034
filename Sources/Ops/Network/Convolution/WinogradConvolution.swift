import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution with 3 × 3 kernels and stride 1 by Winograd's F(m × m, 3 × 3): image tiles and
/// kernels are transformed, multiplied as matrices over channels for each of the `(m + 2)²`
/// positions, and transformed back.
struct WinogradConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue
  private let size: Int
  private let row: Int
  /// The number of tiles in an image.
  private let tiles: Int
  /// The number of tiles processed together.
  private let chunk: Int
  private let chunks: Int
  private let block = ck_panel_rows()

  /// The number of output channels that are multiplied before the results are transformed back.
  private static let groupMaps = 24

  /// - Returns: `nil` if the convolution has another form, or another algorithm is faster.
  init?(geometry: ConvolutionGeometry, epilogue: Epilogue, algorithm: ConvolutionAlgorithm) {
    let window = geometry.window
    guard window.z.input == 1, window.z.kernel == 1, window.z.output == 1,
      [window.y, window.x].allSatisfy({ $0.kernel == 3 && $0.stride == 1 && $0.dilation == 1 })
    else { return nil }
    switch algorithm {
    case .exact: return nil
    case .winograd(let size):
      guard [2, 4, 6].contains(size) else { return nil }
      self.size = size
    case .automatic:
      guard let size = WinogradCost(geometry).best else { return nil }
      self.size = size
    }
    self.geometry = geometry
    self.epilogue = epilogue
    row = (window.x.output + size - 1) / size
    tiles = .work(row, (window.y.output + size - 1) / size)
    let panel = ck_panel_columns()
    let goal = min(48 / panel * panel, Int(CK_WINOGRAD_TILES))
    let runs = (tiles + goal - 1) / goal
    chunk = ((tiles + runs - 1) / runs + panel / 2 - 1) / (panel / 2) * (panel / 2)
    chunks = (tiles + chunk - 1) / chunk
  }

  /// The algorithm's name in the literature.
  var summary: String { "Winograd F(\(size)×\(size), 3×3): \(geometry.summary)" }

  private var products: Int { (size + 2) * (size + 2) }
  /// The number of blocks of packed weights in a group of the convolution.
  private var blocks: Int { (geometry.maps + block - 1) / block }
  private var blocksTogether: Int { Self.groupMaps / block }
  /// The number of runs of output channels that are processed together.
  private var mapGroups: Int { (blocks + blocksTogether - 1) / blocksTogether }
  /// The number of elements of a block over all positions.
  private var blockSize: Int { .work(products, geometry.channels, block) }
  private var weightCount: Int { .work(geometry.groups, blocks, blockSize) }

  /// Transforms the kernels of one run of output channels, numbered across all groups of the
  /// convolution: `[position, block, channel, map]`.
  private func pack(
    _ index: Int, _ w: UnsafePointer<Float>, _ packed: UnsafeMutablePointer<Float>
  ) {
    let (channels, depth) = (geometry.channels, geometry.channels * 9)
    let (group, part) = index.quotientAndRemainder(dividingBy: mapGroups)
    let first = part * blocksTogether
    let count = min(blocksTogether, blocks - first)
    let target = packed + (group * blocks + first) * blockSize
    target.update(repeating: 0, count: count * blockSize)
    for index in 0..<count {
      let map = (first + index) * block
      let rows = min(block, geometry.maps - map)
      for channel in 0..<channels {
        ck_winograd_weights(
          size, w + (group * geometry.maps + map) * depth + channel * 9, depth, rows,
          target + (index * channels + channel) * block, count * channels * block)
      }
    }
  }

  private func packed(_ call: Preparation) throws(OperatorError) -> TensorStorage? {
    try call.packed(
      input: 1, layout: "winograd \(size) \(geometry.groups) \(geometry.maps)",
      byteCount: .work(weightCount, MemoryLayout<Float>.stride), tiles: geometry.groups * mapGroups
    ) { source, target, index in
      pack(
        index, source.assumingMemoryBound(to: Float.self),
        target.assumingMemoryBound(to: Float.self))
    }
  }

  /// Tiles of one group's image that are processed together.
  private struct Part {
    /// The index of the image and group.
    let image: Int
    let first: Int
    let count: Int
    /// The number of columns, padded to whole panels.
    let padded: Int
  }

  private func part(_ index: Int) -> Part {
    let first = index % chunks * chunk
    let count = min(chunk, tiles - first)
    return Part(
      image: index / chunks, first: first, count: count, padded: ck_panel_padded(count))
  }

  private var shape: ck_winograd {
    let window = geometry.window
    return ck_winograd(
      size: size, height: window.y.input, width: window.x.input, pad_y: window.y.padBegin,
      pad_x: window.x.padBegin, out_height: window.y.output, out_width: window.x.output, row: row)
  }

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let this = self
    let (geometry, window) = (geometry, geometry.window)
    let constant = try packed(call)
    let shape = shape
    let parts = Int.work(geometry.batch, geometry.groups, chunks)
    // With few parts, tasks share transformed tiles, so that output channels can be divided too.
    let isShared = parts < 8
    let tilesSize = Int.work(products, geometry.channels, chunk).vectors
    let resultSize = Int.work(products, Self.groupMaps, chunk).vectors
    let own = constant == nil ? weightCount.vectors : 0
    let tileCount = isShared ? parts : call.threads
    let scratch = Int.work(
      .total(own, .work(tileCount, tilesSize), .work(call.threads, resultSize)),
      MemoryLayout<Float>.stride)

    @Sendable func memory(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self)
    }
    @Sendable func transform(
      _ buffers: Buffers, _ part: Part, _ channels: Range<Int>, _ index: Int
    ) {
      withUnsafePointer(to: shape) { shape in
        ck_winograd_input(
          shape, buffers.input(0) + part.image * geometry.channels * window.inputCount,
          geometry.channels, channels.lowerBound, channels.upperBound, part.first, part.count,
          memory(buffers) + own + index * tilesSize, geometry.channels * part.padded)
      }
    }
    @Sendable func multiply(
      _ buffers: Buffers, _ part: Part, _ index: Int, _ mapGroup: Int, _ thread: Int
    ) {
      let group = part.image % geometry.groups
      let first = mapGroup * this.blocksTogether
      let blocks = min(this.blocksTogether, this.blocks - first)
      let row = first * this.block
      let rows = min(blocks * this.block, geometry.maps - row)
      let weights = constant.map { UnsafePointer($0.floats) } ?? UnsafePointer(memory(buffers))
      let packed = weights + (group * this.blocks + first) * this.blockSize
      let tiles = UnsafePointer(memory(buffers) + own + index * tilesSize)
      let results = memory(buffers) + own + tileCount * tilesSize + thread * resultSize
      var product = ck_product(
        depth: geometry.channels, rows: rows, columns: part.padded, stride: part.padded,
        residual_stride: 0)
      var none = Epilogue(bias: nil).c(buffers, offset: 0, channel: 0)
      for place in 0..<this.products {
        ck_panel_product(
          &product, packed + place * blocks * geometry.channels * this.block,
          tiles + place * geometry.channels * part.padded, results + place * rows * part.padded,
          &none)
      }
      let map = part.image * geometry.maps + row
      var epilogue = this.epilogue.c(
        buffers, offset: map * window.outputCount, channel: group * geometry.maps + row)
      withUnsafePointer(to: shape) { shape in
        ck_winograd_output(
          shape, results, rows, part.first, part.count,
          buffers.output(0) + map * window.outputCount, &epilogue)
      }
    }

    let packWeights: Buffers.Tile = { buffers, index, _ in
      this.pack(index, buffers.input(1), memory(buffers))
    }
    let convolve: Buffers.Tile = { buffers, task, thread in
      let part = this.part(task)
      transform(buffers, part, 0..<geometry.channels, thread)
      for mapGroup in 0..<this.mapGroups { multiply(buffers, part, thread, mapGroup, thread) }
    }
    let channelTiles = Tiles(geometry.channels, cost: .work(chunk, products, 4))
    let transformShared: Buffers.Tile = { buffers, task, _ in
      let (index, channels) = task.quotientAndRemainder(dividingBy: channelTiles.count)
      transform(buffers, this.part(index), channelTiles[channels], index)
    }
    let multiplyShared: Buffers.Tile = { buffers, task, thread in
      let (index, mapGroup) = task.quotientAndRemainder(dividingBy: this.mapGroups)
      multiply(buffers, this.part(index), index, mapGroup, thread)
    }
    return .compute(scratch: scratch) { buffers in
      if constant == nil { buffers.parallel(geometry.groups * this.mapGroups, packWeights) }
      if isShared {
        buffers.parallel(parts * channelTiles.count, transformShared)
        buffers.parallel(parts * this.mapGroups, multiplyShared)
      } else {
        buffers.parallel(parts, convolve)
      }
    }
  }
}

/// The cost of convolutions with 3 × 3 kernels, in multiplications per pair of channels.
private struct WinogradCost {
  private let geometry: ConvolutionGeometry
  private let height: Int
  private let width: Int

  init(_ geometry: ConvolutionGeometry) {
    self.geometry = geometry
    height = geometry.window.y.output
    width = geometry.window.x.output
  }

  /// The cost of loading a weight from main memory, in multiplications.
  private let weight = 4.0

  private func columns(_ count: Int) -> Double { Double(ck_panel_padded(count)) }

  private var direct: Double { 9 * columns(.work(height, width)) + 9 * weight }

  private func winograd(_ size: Int) -> Double {
    let (rows, row) = ((height + size - 1) / size, (width + size - 1) / size)
    let places = Double((size + 2) * (size + 2))
    // A row of tiles is transformed in whole vectors. Measured on AVX2: transforming an element
    // costs as much as 33 multiplications for the input, 13 for the output.
    let transformed = Double(rows) * columns(row)
    let transforms =
      transformed * (33 / Double(geometry.maps) + 13 / Double(geometry.channels))
    return places * (columns(.work(rows, row)) + transforms + weight)
  }

  /// The fastest tile size. Larger sizes have larger errors and are used only if clearly faster.
  var best: Int? {
    var best: (size: Int?, cost: Double) = (nil, 0.9 * direct)
    // For the largest size, transformed weights take seven times the memory of the weights.
    let isSmall = Int.work(geometry.maps, geometry.channels) <= 1 << 14
    for size in isSmall ? [2, 4, 6] : [2, 4] where winograd(size) < best.cost {
      best = (size, 0.92 * winograd(size))
    }
    return best.size
  }
}
