import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// The largest element of each window, or NaN if the window contains one. A window entirely in the
/// padding gives the lowest value of the type.
///
/// The second output, since version 8, is the index of that element in the flattened input,
/// column-major within an image if `storage_order` is 1.
struct MaxPool: PoolOperator {
  static let schema = Schema(
    "MaxPool",
    [
      1: .floats, 8: .floats, 10: .floats, 11: .floats, 12: [.floats, .int8, .uint8],
      22: [.floats, .bfloat16, .int8, .uint8],
    ], inputs: 1...1, outputs: 1...2)
  static var widening: Widening { .exact }
  static var eightBitForm: EightBitForm { .inputScale }
  static func movedInputs(_ node: Node) -> [Int] {
    // The largest integer notes the largest number.
    node.outputs.count == 1 ? [0] : []
  }
  let windows: WindowAttributes
  let isColumnMajor: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    windows = try WindowAttributes(
      &node, dilations: node.version >= 10, ceilMode: node.version >= 10)
    isColumnMajor = node.version >= 8 ? try node.flag("storage_order") : false
    if node.version < 8, node.outputCount > 1 {
      throw .output(1, "the output of indices needs version 8 or later")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try pooledType(inputs)
    return [type, .tensor(.int64, type.tensorType?.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32 where !call.wants(1): return try vectorised(call)
    case .float32:
      let (window, images) = try geometry(call)
      return call.wants(0) && window.inputCount < Int32.max
        ? places(window, images, threads: call.threads) : try kernel(call, Float.self)
    case .float64: return try kernel(call, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case .int8 where !call.wants(1): return try bytes(call)
    case .uint8 where !call.wants(1): return try bytes(call)
    case .int8: return try kernel(call, Int8.self)
    case .uint8: return try kernel(call, UInt8.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func vectorised(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (window, images) = try geometry(call)
    call.note("vectorised, \(window.summary)")
    let shape = window.c
    let row = images == 0 ? 0 : window.scratchCount
    let tiles = Tiles(images, cost: window.inputCount + window.outputCount)
    let tile: Buffers.Tile = { buffers, task, thread in
      let range = tiles[task]
      withUnsafePointer(to: shape) { shape in
        ck_max_pool(
          shape, buffers.input(0) + range.lowerBound * window.inputCount, range.count,
          buffers.output(0) + range.lowerBound * window.outputCount,
          buffers.scratch.assumingMemoryBound(to: Float.self) + thread * row)
      }
    }
    return .compute(scratch: .work(call.threads, row, MemoryLayout<Float>.stride)) { buffers in
      buffers.parallel(tiles.count, tile)
    }
  }

  /// The largest of 8-bit integers.
  private func bytes(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (window, images) = try geometry(call)
    call.note("vectorised, \(window.summary)")
    let shape = window.c
    let row = images == 0 ? 0 : withUnsafePointer(to: shape) { ck_byte_pool_room($0).vectors }
    let flip = try call.elementType(0).flip
    let tiles = Tiles(images, cost: .total(window.inputCount, window.outputCount) / 4)
    let tile: Buffers.Tile = { buffers, task, thread in
      let range = tiles[task]
      withUnsafePointer(to: shape) { shape in
        ck_byte_max_pool(
          shape, buffers.input(0) + range.lowerBound * window.inputCount, range.count, flip,
          buffers.output(0) + range.lowerBound * window.outputCount,
          buffers.scratch.assumingMemoryBound(to: UInt8.self) + thread * row)
      }
    }
    return .compute(scratch: .work(call.threads, row)) { buffers in
      buffers.parallel(tiles.count, tile)
    }
  }

  /// Computes the largest elements and their indices.
  private func places(_ window: Window, _ images: Int, threads: Int) -> Kernel {
    let shape = window.c
    let row = images == 0 ? 0 : window.x.output.vectors
    let isColumnMajor = isColumnMajor
    let tiles = Tiles(
      images, cost: .total(window.inputCount, .work(window.outputCount, 2)))
    let tile: Buffers.Tile = { buffers, task, thread in
      let range = tiles[task]
      let first = range.lowerBound * window.inputCount
      let places = buffers.output(1, as: Int64.self) + range.lowerBound * window.outputCount
      withUnsafePointer(to: shape) { shape in
        ck_max_pool_places(
          shape, buffers.input(0) + first, range.count, Int64(first),
          buffers.output(0) + range.lowerBound * window.outputCount, places,
          buffers.scratch.assumingMemoryBound(to: Int32.self) + thread * row)
      }
      guard isColumnMajor else { return }
      for i in 0..<range.count * window.outputCount where places[i] >= 0 {
        let first = (range.lowerBound + i / window.outputCount) * window.inputCount
        places[i] = Int64(first + window.columnMajor(Int(places[i]) - first))
      }
    }
    return .compute(scratch: .work(threads, row, MemoryLayout<Int32>.stride)) { buffers in
      buffers.parallel(tiles.count, tile)
    }
  }

  private func kernel<T: PoolElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let (window, images) = try geometry(call)
    call.note("plain loops, \(window.summary)")
    guard call.wants(1) else { return poolingKernel(Largest<T>(), window, images: images) }
    let isColumnMajor = isColumnMajor
    let wantsValues = call.wants(0)
    let tiles = Tiles(images, cost: window.work)
    let tile: Buffers.Tile = { buffers, task, _ in
      for image in tiles[task] {
        let first = image * window.inputCount
        let x = buffers.input(0, as: T.self) + first
        let indices = buffers.output(1, as: Int64.self) + image * window.outputCount
        window.forEach { cz, cy, cx, index in
          var best = T.least
          var found = -1
          window.forEachElement(cz, cy, cx) { place, _ in
            if found < 0 || x[place].exceeds(best) {
              best = x[place]
              found = place
            }
          }
          if wantsValues {
            buffers.output(0, as: T.self)[image * window.outputCount + index] = best
          }
          let place = isColumnMajor && found >= 0 ? window.columnMajor(found) : found
          indices[index] = Int64(found < 0 ? -1 : first + place)
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension Window {
  /// The column-major index of an element.
  fileprivate func columnMajor(_ place: Int) -> Int {
    let ix = place % x.input
    let iy = place / x.input % y.input
    let iz = place / x.input / y.input
    return iz + z.input * (iy + y.input * ix)
  }
}

/// An element type with a maximum.
protocol PoolElement: Element {
  static var least: Self { get }
  /// Whether the value is larger than another, or NaN and the other is not.
  func exceeds(_ other: Self) -> Bool
}

extension RealElement {
  @inline(__always) static var least: Self { Self(compute: -Compute.infinity) }
  @inline(__always) func exceeds(_ other: Self) -> Bool {
    compute > other.compute || (compute.isNaN && !other.compute.isNaN)
  }
}
extension FixedWidthInteger {
  @inline(__always) static var least: Self { min }
  @inline(__always) func exceeds(_ other: Self) -> Bool { self > other }
}
extension Float: PoolElement {}
extension Double: PoolElement {}
extension Int8: PoolElement {}
extension UInt8: PoolElement {}

/// The largest element of a window.
struct Largest<T: PoolElement>: WindowReduction {
  var start: T { .least }
  func add(_ sum: inout T, _ x: T) { if x.exceeds(sum) { sum = x } }
  func finish(_ sum: T, count: Int) -> T { sum }
}

extension MaxPool {
  static var versionSteps: [VersionStep] {
    [
      .added(8, ["storage_order": .int(0)]), .addedOutputs(8, from: 1),
      .added(10, ["ceil_mode": .int(0), "dilations": .ints(1)]), .lastWindow(22),
    ]
  }
}

extension MaxPool {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard site.node.outputs.count == 1 else { return .wholeSequence }
    let window = try windows.steps(site, fill: -.infinity)
    return window.map { .window($0) } ?? .wholeSequence
  }
}
