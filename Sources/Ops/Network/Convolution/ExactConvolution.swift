import ONNXFormat
import ONNXOperators
import ONNXProducts

extension QuantizedWindows {
  /// The sums of a convolution with constant weights, all groups at once.
  /// - Returns: `nil` if plain loops are faster
  func exactSums(_ call: Preparation) throws(OperatorError) -> ExactSums? {
    let window = geometry.window
    let (channels, kernel) = (geometry.channels, window.kernelCount)
    let maps = geometry.groups * geometry.maps
    let sizes = try call.inputSizes(places.x)
    guard !geometry.isEmpty, geometry.depth > 0, window.inputCount > 0,
      let code = ByteCode(try call.elementType(places.x)),
      let weights = ByteWeights(call, places.w, zero: zeroW.input, lines: maps)
    else { return nil }
    let w = weights.tensor.storage.pointer.assumingMemoryBound(to: UInt8.self)
    let cut = ExactCut(spans: code.spans(zero: zeroX.constant(call, code)))
    let runs = cut.runs(terms: channels, products: kernel, lines: maps) { channel, up, down in
      for map in 0..<maps {
        let (code, zero) = weights.line(map)
        let own = w + (map * channels + channel) * kernel
        (up[map], down[map]) = (0, 0)
        for place in 0..<kernel {
          let weight = Int(code.value(own[place]) &- zero)
          up[map] &+= max(weight, 0)
          down[map] &-= min(weight, 0)
        }
      }
    }
    guard let runs, runs.count == 1 || geometry.groups == 1 else { return nil }
    var parts: [ExactSums.Part] = []
    for run in runs {
      let shape = [maps, run.count] + (try call.inputSizes(places.w).dropFirst(2))
      let values: Tensor
      do throws(TensorError) {
        values = try Tensor(Float.self, shape: shape) { values in
          guard let values = values.baseAddress else { return }
          for map in 0..<maps {
            let (code, zero) = weights.line(map)
            code.widen(
              w + (map * channels + run.lowerBound) * kernel, values + map * run.count * kernel,
              run.count * kernel, zero: zero)
          }
        }
      } catch { throw OperatorError(error) }
      let own = geometry.groups * run.count
      let convolution = FloatConvolution(
        geometry: ConvolutionGeometry(
          batch: geometry.batch, groups: geometry.groups, channels: run.count, maps: geometry.maps,
          window: window), epilogue: Epilogue())
      let part = try ExactSums.Part(
        call,
        ByteRuns(
          geometry.batch, first: run.lowerBound * window.inputCount,
          length: own * window.inputCount, stride: geometry.groups * channels * window.inputCount),
        weights: values, of: weights, part: "\(run) of \(channels)",
        shapes: (
          [geometry.batch, own] + sizes.dropFirst(2), [geometry.batch, maps, window.outputCount]
        ),
        kernel: { inner throws(OperatorError) in try convolution.kernel(inner) })
      guard let part else { return nil }
      parts.append(part)
    }
    call.replaced.insert(places.w)
    call.note(
      "integers as float32, \(parts.count == 1 ? "one sum" : "\(parts.count) partial sums")")
    return ExactSums(
      input: places.x, zero: zeroX.input, code: code,
      outputCount: .work(geometry.batch, maps, window.outputCount), parts: parts)
  }
}
