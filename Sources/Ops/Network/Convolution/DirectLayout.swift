import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The image layout of direct convolution. Neighbouring windows are adjacent, so that a sum over
/// the kernel reads elements at fixed offsets.
///
/// With strides or padding, the image is first copied as phases: one for each pair of row and
/// column remainders, modulo the strides, that the kernel reads.
struct DirectLayout: Sendable {
  let window: Window
  let channels: Int
  /// Whether the image must be copied.
  let isCopied: Bool
  private let yPhases: [Int]
  private let xPhases: [Int]
  /// The number of rows in a phase.
  private let height: Int
  /// The number of elements in a row of a phase, which is also the stride between rows of windows.
  let row: Int
  /// The number of elements of a plane over all phases.
  private let slice: Int
  /// The number of elements in a channel.
  let plane: Int

  /// - Parameter isAlwaysCopied: whether the image is copied without strides and padding too
  /// - Returns: `nil` if the copy would be far larger than the image.
  init?(_ window: Window, channels: Int, isAlwaysCopied: Bool = false) {
    self.window = window
    self.channels = channels
    isCopied =
      isAlwaysCopied || window.hasPadding || window.x.stride > 1 || window.y.stride > 1
    guard isCopied else {
      (yPhases, xPhases) = ([0], [0])
      (height, row) = (window.y.input, window.x.input)
      slice = height * row
      plane = slice * window.z.input
      return
    }
    guard window.y.kernel <= 4096, window.x.kernel <= 4096 else { return nil }
    yPhases = Self.phases(window.y)
    xPhases = Self.phases(window.x)
    height = window.y.output + (window.y.extent - 1) / window.y.stride
    row = window.x.output + (window.x.extent - 1) / window.x.stride
    let limit = Int.work(window.inputCount, 8).addingReportingOverflow(1 << 16)
    guard let slice = [yPhases.count, xPhases.count, height, row].elementCount,
      let plane = [slice, window.z.reach].elementCount,
      plane <= (limit.overflow ? Int.max : limit.partialValue)
    else { return nil }
    self.slice = slice
    self.plane = plane
  }

  /// The remainders of the kernel's positions along an axis, modulo the stride.
  private static func phases(_ axis: WindowAxis) -> [Int] {
    Set((0..<axis.kernel).map { $0 * axis.dilation % axis.stride }).sorted()
  }

  /// The number of positions in a plane of the result, including those between rows.
  var places: Int { (window.y.output - 1) * row + window.x.output }

  /// The offset of the windows of plane `z` of the result.
  func start(plane z: Int) -> Int { z * window.z.stride * slice }

  /// The offsets of a window's elements from its position: kernel element by kernel element for
  /// each channel.
  func offsets() -> [Int] {
    var offsets: [Int] = []
    offsets.reserveCapacity(channels * window.kernelCount)
    for channel in 0..<channels {
      for kz in 0..<window.z.kernel {
        for ky in 0..<window.y.kernel {
          for kx in 0..<window.x.kernel {
            offsets.append(
              channel * plane + kz * window.z.dilation * slice + offset(ky, kx))
          }
        }
      }
    }
    return offsets
  }

  private func offset(_ ky: Int, _ kx: Int) -> Int {
    let (y, x) = (ky * window.y.dilation, kx * window.x.dilation)
    let yPhase = yPhases.firstIndex(of: y % window.y.stride) ?? 0
    let xPhase = xPhases.firstIndex(of: x % window.x.stride) ?? 0
    let phase = (yPhase * xPhases.count + xPhase) * height * row
    return phase + y / window.y.stride * row + x / window.x.stride
  }

  /// Copies one channel.
  func copy(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    withPhases { ck_copy_phases($0, $1, x, y) }
  }

  func withPhases(_ body: (UnsafePointer<ck_window>, UnsafePointer<ck_phases>) -> Void) {
    yPhases.withUnsafeBufferPointer { yPhase in
      xPhases.withUnsafeBufferPointer { xPhase in
        guard let yPhase = yPhase.baseAddress, let xPhase = xPhase.baseAddress else { return }
        let phases = ck_phases(
          y_phases: yPhases.count, x_phases: xPhases.count, y_phase: yPhase, x_phase: xPhase,
          depth: window.z.reach, height: height, row: row)
        withUnsafePointer(to: window.c) { window in
          withUnsafePointer(to: phases) { body(window, $0) }
        }
      }
    }
  }
}
