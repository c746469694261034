import ONNXFormat
import ONNXOperators

/// The longest sum of products of 8-bit integers, each less its zero point, that fits into 32 bits with
/// any bias of 30 bits.
package let longestByteSum = 16_384

extension QuantizedSite {
  /// A constant 8-bit weight with one scale, or one for each index of `axis`.
  package func byteWeight(_ index: Int, axis: Int, rank: Int) -> QuantizedValue? {
    guard let w = input(index), w.isByte, let codes = constant(w.codes),
      codes.shape.count == rank, w.notation.block == 0
    else { return nil }
    if w.isUniform { return w }
    let own = w.notation.axis < 0 ? w.notation.axis + rank : w.notation.axis
    return own == axis && w.scales.shape == [codes.shape[axis]] ? w : nil
  }

  /// The bias of a sum of products in units of the product of two scales, one of which may be by
  /// channel: the integers of an int32 bias with that scale, or a constant float32 bias rounded to
  /// integers, where the error is below a 512th of a unit of the result.
  package func integerBias(
    _ index: Int, of x: QuantizedValue, _ w: QuantizedValue, channels: Int,
    _ builder: inout GraphBuilder
  ) -> String? {
    guard index < node.inputs.count, !node.inputs[index].isEmpty else { return "" }
    let units = w.scales.elements(as: Float.self).map { Double(x.uniformScale) * Double($0) }
    func unit(_ channel: Int) -> Double { units.count == 1 ? units[0] : units[channel] }
    if let bias = input(index) {
      guard bias.elementType == .int32, bias.isSymmetric, bias.notation.block == 0,
        let codes = constant(bias.codes), codes.shape == [channels],
        codes.elements(as: Int32.self).allSatisfy({ $0.magnitude < 1 << 30 }),
        bias.scales.count == 1 || bias.scales.shape == [channels]
      else { return nil }
      let scales = bias.scales.elements(as: Float.self)
      for channel in 0..<channels {
        let scale = Double(scales[scales.count == 1 ? 0 : channel])
        guard abs(scale - unit(channel)) <= 1e-6 * unit(channel) else { return nil }
      }
      return bias.codes
    }
    guard let result, let bias = constant(node.inputs[index]), bias.elementType == .float32,
      bias.shape == [channels]
    else { return nil }
    var codes: [Int32] = []
    for (channel, number) in bias.elements(as: Float.self).enumerated() {
      let code = (Double(number) / unit(channel)).rounded(.toNearestOrEven)
      guard abs(code) < Double(1 << 30), unit(channel) * 256 < Double(result.uniformScale) else {
        return nil
      }
      codes.append(Int32(code))
    }
    return builder.constant(Tensor(shape: [channels], codes), hint: "bias")
  }
}

extension GraphBuilder {
  /// `Σ (a − za) · (b − zb) · sa · sb` in float32, for a scale of b for all columns or one for each.
  package mutating func scaledSums(
    _ a: QuantizedValue, _ b: QuantizedValue, codes: String, columns: Int
  ) -> String {
    let sums = node(
      "MatMulInteger", [a.codes, codes, zeroPoint(of: a), zeroPoint(of: b)], operatorSet: 10)
    let scales = b.scales.elements(as: Float.self).map { a.uniformScale * $0 }
    let scale = constant(
      Tensor(shape: scales.count == 1 ? [] : [columns], scales), hint: "scale")
    return mul(cast(sums, to: .float32), scale)
  }
}

extension MatMul {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    guard let a = site.byteInput(0), let b = site.byteWeight(1, axis: 1, rank: 2),
      let sizes = site.constant(b.codes)?.shape, sizes[0] <= longestByteSum
    else { return nil }
    return .real(builder.scaledSums(a, b, codes: b.codes, columns: sizes[1]))
  }
}

extension Gemm {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    guard product.alpha == 1, product.beta == 1, !product.transposeA, let a = site.byteInput(0),
      let b = site.byteWeight(1, axis: product.transposeB ? 0 : 1, rank: 2),
      let sizes = site.constant(b.codes)?.shape, sizes[product.transposeB ? 1 : 0] <= longestByteSum
    else { return nil }
    let codes =
      product.transposeB
      ? builder.node("Transpose", [b.codes], [.ints("perm", [1, 0])]) : b.codes
    let sums = builder.scaledSums(a, b, codes: codes, columns: sizes[product.transposeB ? 0 : 1])
    guard site.node.inputs.count > 2, !site.node.inputs[2].isEmpty else { return .real(sums) }
    return .real(builder.add(sums, site.node.inputs[2]))
  }
}
