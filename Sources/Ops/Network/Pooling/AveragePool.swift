import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// The mean of each window over its elements inside the input, or with `count_include_pad` also
/// over the padding (zeros).
struct AveragePool: PoolOperator {
  static let schema = Schema(
    "AveragePool",
    [
      1: .floats, 7: .floats, 10: .floats, 11: .floats, 19: .floats,
      22: [.floats, .bfloat16],
    ], inputs: 1...1)
  static var eightBitForm: EightBitForm { .ownScale }
  let windows: WindowAttributes
  let countsPadding: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    windows = try WindowAttributes(
      &node, dilations: node.version >= 19, ceilMode: node.version >= 10)
    countsPadding = node.version >= 7 ? try node.flag("count_include_pad") : false
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (window, images) = try geometry(call)
    switch try call.elementType(0) {
    case .float32:
      call.note("vectorised, \(window.summary)")
      return vectorised(window, images, threads: call.threads)
    case .float64:
      call.note("plain loops, \(window.summary)")
      return poolingKernel(
        WindowMean<Double>(), window, images: images, countsPadding: countsPadding)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func vectorised(_ window: Window, _ images: Int, threads: Int) -> Kernel {
    let shape = window.c
    let row = images == 0 ? 0 : window.scratchCount
    let counts = images == 0 ? 0 : (window.z.output + window.y.output + window.x.output).vectors
    let countsPadding = countsPadding
    let tiles = Tiles(images, cost: window.inputCount + window.outputCount)
    let tile: Buffers.Tile = { buffers, task, thread in
      let range = tiles[task]
      withUnsafePointer(to: shape) { shape in
        let z = buffers.scratch.assumingMemoryBound(to: Float.self)
        let y = z + window.z.output
        ck_average_pool(
          shape, buffers.input(0) + range.lowerBound * window.inputCount, range.count, z, y,
          y + window.y.output, buffers.output(0) + range.lowerBound * window.outputCount,
          z + counts + thread * row)
      }
    }
    return .compute(
      scratch: .work(counts + .work(threads, row), MemoryLayout<Float>.stride)
    ) { buffers in
      guard images > 0 else { return }
      window.writeCounts(
        buffers.scratch.assumingMemoryBound(to: Float.self), withPadding: countsPadding)
      buffers.parallel(tiles.count, tile)
    }
  }
}

/// The mean of a window.
struct WindowMean<T: RealElement>: WindowReduction {
  var start: T.Compute { 0 }
  func add(_ sum: inout T.Compute, _ x: T) { sum += x.compute }
  func finish(_ sum: T.Compute, count: Int) -> T { T(compute: sum / T.Compute(count)) }
}

extension AveragePool {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        7,
        down: { change throws(OperatorError) in
          let pads = try change.ints("pads") ?? []
          let isPadded = try change.string("auto_pad").map { $0 != "NOTSET" } ?? false
          if !isPadded, pads.allSatisfy({ $0 == 0 }) { change.drop("count_include_pad") }
          try change.dropNeutral("count_include_pad", .int(0))
        }),
      .added(10, ["ceil_mode": .int(0)]), .added(19, ["dilations": .ints(1)]),
      .lastWindow(22),
    ]
  }
}

extension VersionStep {
  /// From this version on, no window starts in the padding after the last element.
  static func lastWindow(_ version: Int) -> VersionStep {
    VersionStep(version, up: { change throws(OperatorError) in try change.checkLastWindow() }) {
      change throws(OperatorError) in try change.checkLastWindow()
    }
  }
}

extension VersionChange {
  fileprivate func checkLastWindow() throws(OperatorError) {
    guard try int("ceil_mode") == 1 else { return }
    let kernel = try ints("kernel_shape") ?? []
    let ones = Array(repeating: 1, count: kernel.count)
    let strides = try ints("strides") ?? ones
    let pads = try ints("pads") ?? ones.flatMap { _ in [0, 0] }
    guard strides.count == kernel.count, pads.count == 2 * kernel.count,
      zip(zip(kernel, strides), pads[kernel.count...]).allSatisfy({ sizes, padding in
        let (reach, overflow) = sizes.1.addingReportingOverflow(padding)
        return !overflow && sizes.0 >= reach
      })
    else { throw .attribute("ceil_mode", "the last window may start in the padding") }
  }
}

extension AveragePool {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard let window = try windows.steps(site), window.before == 0 || countsPadding else {
      return .wholeSequence
    }
    return .window(window)
  }
}
