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
  /// `Σ (a − za) · (b − zb) · sa · sb + bias` in float32, for a scale of b for all columns or one for
  /// each.
  /// - Parameter bias: the name of a float32 bias for each column; empty for none
  fileprivate mutating func scaledSums(
    _ a: QuantizedValue, _ b: QuantizedValue, codes: String, columns: Int, bias: String = ""
  ) -> String {
    let scales = b.scales.elements(as: Float.self).map { a.uniformScale * $0 }
    let scale = constant(
      Tensor(shape: scales.count == 1 ? [] : [columns], scales), hint: "scale")
    return privateNode(
      ScaledMatMulInteger.schema.name,
      [a.codes, codes, zeroPoint(of: a), zeroPoint(of: b), scale, bias])
  }
}

extension MatMul {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    if let product = site.blockedProduct(&builder) { return .real(product) }
    guard let a = site.byteInput(0) else { return nil }
    if let b = site.byteWeight(1, axis: 1, rank: 2), let sizes = site.constant(b.codes)?.shape {
      guard sizes[0] <= longestByteSum else { return nil }
      guard let y = site.byteResult else {
        return .real(builder.scaledSums(a, b, codes: b.codes, columns: sizes[1]))
      }
      return .codes(product(a, b, y, &builder))
    }
    // Two computed matrices.
    guard let b = site.byteInput(1), let y = site.byteResult,
      let depth = site.type(site.node.inputs[0])?.tensorType?.shape?.last?.size,
      depth <= longestByteSum, site.type(site.node.inputs[1])?.tensorType?.shape?.rank ?? 0 >= 2
    else { return nil }
    return .codes(product(a, b, y, &builder))
  }

  private func product(
    _ a: QuantizedValue, _ b: QuantizedValue, _ y: QuantizedValue, _ builder: inout GraphBuilder
  ) -> String {
    let inputs = [
      a.codes, a.scale, builder.zeroPoint(of: a), b.codes, b.scale, builder.zeroPoint(of: b),
      y.scale, builder.zeroPoint(of: y),
    ]
    return builder.node("QLinearMatMul", inputs, operatorSet: 10)
  }
}

extension Gemm {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    guard product.alpha == 1, product.beta == 1, !product.transposeA, let a = site.byteInput(0),
      let b = site.byteWeight(1, axis: product.transposeB ? 0 : 1, rank: 2),
      let sizes = site.constant(b.codes)?.shape, sizes[product.transposeB ? 1 : 0] <= longestByteSum
    else { return nil }
    let columns = sizes[product.transposeB ? 0 : 1]
    let bias = site.node.inputs.count > 2 ? site.node.inputs[2] : ""
    let isByColumn =
      site.constant(bias)?.shape == [columns]
      || site.type(bias)?.tensorType?.shape?.sizes == [columns]
    let codes =
      product.transposeB
      ? builder.node("Transpose", [b.codes], [.ints("perm", [1, 0])]) : b.codes
    let sums = builder.scaledSums(
      a, b, codes: codes, columns: columns, bias: isByColumn ? bias : "")
    return .real(bias.isEmpty || isByColumn ? sums : builder.add(sums, bias))
  }
}
