import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// The arithmetic of a convolution by plain loops.
protocol ConvolutionRule: Sendable {
  associatedtype X
  associatedtype W
  associatedtype Y
  associatedtype Sum
  /// The values that all sums of an output channel share.
  associatedtype Channel

  func channel(_ index: Int, _ buffers: Buffers) -> Channel
  func start(_ channel: Channel) -> Sum
  func add(_ sum: inout Sum, _ x: X, _ w: W, _ channel: Channel)
  /// - Parameter place: the index of the element in the result
  func finish(_ sum: Sum, _ channel: Channel, _ buffers: Buffers, place: Int) -> Y
}

/// Convolution by plain loops, for element types without a faster algorithm.
struct DirectConvolution: Sendable {
  let geometry: ConvolutionGeometry
  /// The input indices of `X` and `W`.
  var x = 0
  var w = 1

  /// A kernel that computes each element of the result from the sum over its window.
  func kernel<Rule: ConvolutionRule>(_ rule: Rule) -> Kernel {
    let geometry = geometry
    let (xIndex, wIndex) = (x, w)
    let window = geometry.window
    let maps = geometry.groups * geometry.maps
    let tile: Buffers.Tile = { buffers, task, _ in
      let map = task % maps
      let image = task / maps * geometry.groups + map / geometry.maps
      let x =
        buffers.input(xIndex, as: Rule.X.self) + image * geometry.channels * window.inputCount
      let w = buffers.input(wIndex, as: Rule.W.self) + map * geometry.depth
      let y = buffers.output(0, as: Rule.Y.self) + task * window.outputCount
      let fixed = rule.channel(map, buffers)
      window.forEach { cz, cy, cx, index in
        var sum = rule.start(fixed)
        for channel in 0..<geometry.channels {
          let x = x + channel * window.inputCount
          let w = w + channel * window.kernelCount
          window.forEachElement(cz, cy, cx) { place, kernelPlace in
            rule.add(&sum, x[place], w[kernelPlace], fixed)
          }
        }
        y[index] = rule.finish(sum, fixed, buffers, place: task * window.outputCount + index)
      }
    }
    return .compute { buffers in buffers.parallel(geometry.batch * maps, tile) }
  }
}

/// `y = activation(bias + Σ x · w + residual)` of reals.
struct RealConvolution<T: RealElement>: ConvolutionRule {
  let epilogue: Epilogue

  func channel(_ index: Int, _ buffers: Buffers) -> T.Compute {
    epilogue.bias.map { buffers.input($0, as: T.self)[index].compute } ?? 0
  }
  func start(_ channel: T.Compute) -> T.Compute { channel }
  func add(_ sum: inout T.Compute, _ x: T, _ w: T, _ channel: T.Compute) {
    sum += x.compute * w.compute
  }
  func finish(_ sum: T.Compute, _ channel: T.Compute, _ buffers: Buffers, place: Int) -> T {
    let residual = epilogue.residual.map { buffers.input($0, as: T.self)[place].compute } ?? 0
    return T(compute: epilogue.activation.apply(sum + residual))
  }
}
