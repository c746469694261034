import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The windows of a convolution or pooling along one axis: window `o` begins at
/// `o · stride − padBegin` and has `kernel` elements, `dilation` apart. Elements outside
/// `0..<input` are padding.
///
/// Sums and products of its members never overflow: `WindowAttributes` checks them.
struct WindowAxis: Sendable, Hashable {
  var input = 1
  var output = 1
  var kernel = 1
  var stride = 1
  var dilation = 1
  var padBegin = 0
  var padEnd = 0

  /// The number of positions from a window's first element to its last.
  var extent: Int { (kernel - 1) * dilation + 1 }
  /// The number of positions from the first window's first element to the last window's last.
  var reach: Int { output == 0 ? 0 : (output - 1) * stride + extent }

  /// The elements of window `index` that lie inside the input.
  @inline(__always) func clipped(_ index: Int) -> Clip {
    let start = index * stride - padBegin
    let skipped = start < 0 ? min((-start + dilation - 1) / dilation, kernel) : 0
    let end = start < input ? min((input - start + dilation - 1) / dilation, kernel) : 0
    return Clip(
      kernelIndex: skipped, first: start + skipped * dilation, count: max(end - skipped, 0))
  }

  /// A run of window elements: `count` input indices from `first` on, a dilation apart. The first
  /// corresponds to kernel element `kernelIndex`.
  struct Clip {
    let kernelIndex: Int
    let first: Int
    let count: Int
  }

  /// The number of elements of window `index` inside the input or its padding.
  func countWithPadding(_ index: Int) -> Int {
    let room = input + padEnd + padBegin - index * stride
    return room <= 0 ? 0 : min((room + dilation - 1) / dilation, kernel)
  }

  /// Writes the number of elements of each window inside the input, optionally with its padding.
  func writeCounts(_ counts: UnsafeMutablePointer<Float>, withPadding: Bool) {
    for index in 0..<output {
      counts[index] = Float(withPadding ? countWithPadding(index) : clipped(index).count)
    }
  }
}

/// The windows over an image of up to three axes, of which `z` is the outermost. Missing axes have
/// size 1.
struct Window: Sendable, Hashable {
  var z = WindowAxis()
  var y = WindowAxis()
  var x = WindowAxis()

  /// A short description of the windows: `kernel 3×3, stride 2×2`.
  var summary: String {
    let axes = [z, y, x].drop { $0.input == 1 && $0.kernel == 1 }
    let kernel = axes.map { "\($0.kernel)" }.joined(separator: "×")
    let stride = axes.map { "\($0.stride)" }.joined(separator: "×")
    return "kernel \(kernel), stride \(stride)"
  }

  /// - Parameter axes: one to three, outermost first.
  init(_ axes: [WindowAxis]) throws(OperatorError) {
    guard (1...3).contains(axes.count) else {
      throw .unsupported("\(axes.count) spatial axes; 1 to 3 are supported")
    }
    x = axes[axes.count - 1]
    if axes.count > 1 { y = axes[axes.count - 2] }
    if axes.count > 2 { z = axes[0] }
    guard [z.input, y.input, x.input].elementCount != nil,
      [z.output, y.output, x.output].elementCount != nil,
      [z.kernel, y.kernel, x.kernel].elementCount != nil
    else { throw .invalid("the element count of the image or its windows overflows") }
  }

  /// The number of elements in an input image.
  var inputCount: Int { z.input * y.input * x.input }
  /// The number of windows over an image.
  var outputCount: Int { z.output * y.output * x.output }
  /// The number of elements in a window.
  var kernelCount: Int { z.kernel * y.kernel * x.kernel }

  /// An estimate of the number of steps to visit all windows over an image.
  var work: Int { .work(outputCount, min(kernelCount, inputCount)) }

  /// Whether windows and elements correspond one to one.
  var isPointwise: Bool {
    kernelCount == 1 && x.input == x.output && y.input == y.output && z.input == z.output
      && x.stride == 1 && y.stride == 1 && z.stride == 1 && x.padBegin == 0 && y.padBegin == 0
      && z.padBegin == 0
  }

  /// Whether there is one window, which is the image.
  var isWhole: Bool {
    outputCount == 1 && [x, y, z].allSatisfy { $0.kernel == $0.input && $0.padBegin == 0 }
  }

  /// Whether some window has an element outside the input.
  var hasPadding: Bool {
    [x, y, z].contains { $0.padBegin > 0 || $0.reach > $0.input }
  }

  var c: ck_window {
    ck_window(
      input: (z.input, y.input, x.input), output: (z.output, y.output, x.output),
      kernel: (z.kernel, y.kernel, x.kernel), stride: (z.stride, y.stride, x.stride),
      dilation: (z.dilation, y.dilation, x.dilation), pad: (z.padBegin, y.padBegin, x.padBegin))
  }

  /// The number of elements of window `index` inside the input or its padding.
  func countWithPadding(_ index: Int) -> Int {
    z.countWithPadding(index / x.output / y.output)
      * y.countWithPadding(index / x.output % y.output)
      * x.countWithPadding(index % x.output)
  }

  /// Writes the number of elements of each window inside the input, or its padding too, axis by
  /// axis.
  func writeCounts(_ counts: UnsafeMutablePointer<Float>, withPadding: Bool) {
    z.writeCounts(counts, withPadding: withPadding)
    y.writeCounts(counts + z.output, withPadding: withPadding)
    x.writeCounts(counts + z.output + y.output, withPadding: withPadding)
  }

  /// Calls `body` with the clipped runs and the index of every window, in order.
  @inline(__always) func forEach(
    _ body: (_ z: WindowAxis.Clip, _ y: WindowAxis.Clip, _ x: WindowAxis.Clip, _ index: Int) -> Void
  ) {
    var index = 0
    for oz in 0..<z.output {
      let cz = z.clipped(oz)
      for oy in 0..<y.output {
        let cy = y.clipped(oy)
        for ox in 0..<x.output {
          body(cz, cy, x.clipped(ox), index)
          index += 1
        }
      }
    }
  }

  /// Calls `body` with the index in the image and the index in the kernel of every element of a
  /// window.
  @inline(__always) func forEachElement(
    _ cz: WindowAxis.Clip, _ cy: WindowAxis.Clip, _ cx: WindowAxis.Clip,
    _ body: (_ place: Int, _ kernelPlace: Int) -> Void
  ) {
    for kz in 0..<cz.count {
      for ky in 0..<cy.count {
        let row = (cz.first + kz * z.dilation) * y.input + cy.first + ky * y.dilation
        var place = row * x.input + cx.first
        let kernelRow = (cz.kernelIndex + kz) * y.kernel + cy.kernelIndex + ky
        var kernelPlace = kernelRow * x.kernel + cx.kernelIndex
        for _ in 0..<cx.count {
          body(place, kernelPlace)
          place += x.dilation
          kernelPlace += 1
        }
      }
    }
  }
}
