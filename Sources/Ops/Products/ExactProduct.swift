import ONNXFormat
import ONNXOperators

extension QuantizedOperands {
  /// The sums of a product with one constant matrix.
  /// - Returns: `nil` if plain loops are faster
  package func exactSums(_ call: Preparation) throws(OperatorError) -> ExactSums? {
    let folded = sizes.folded
    let (rows, columns, depth) = (folded.rows, folded.columns, folded.depth)
    guard folded.matrices == 1, rows > 0, columns > 0, depth > 0,
      try call.inputSizes(places.b).count == 2, try zeroA.isOne(call),
      let code = ByteCode(try call.elementType(places.a)),
      let weights = ByteWeights(call, places.b, zero: zeroB.input, lines: columns)
    else { return nil }
    let b = weights.tensor.storage.pointer.assumingMemoryBound(to: UInt8.self)
    let cut = ExactCut(spans: code.spans(zero: zeroA.constant(call, code)))
    let runs = cut.runs(terms: depth, products: 1, lines: columns) { term, up, down in
      weights.split(b + term * columns, columns: columns, up, down)
    }
    guard let runs else { return nil }
    var parts: [ExactSums.Part] = []
    for run in runs {
      let values: Tensor
      do throws(TensorError) {
        values = try Tensor(Float.self, shape: [run.count, columns]) { values in
          guard let values = values.baseAddress else { return }
          weights.widen(b + run.lowerBound * columns, rows: run.count, columns: columns, values)
        }
      } catch { throw OperatorError(error) }
      let product = PanelProduct(
        rows: rows, columns: columns, depth: run.count, isTransposed: false, bias: nil,
        activation: .none)
      let part = try ExactSums.Part(
        call, ByteRuns(rows, first: run.lowerBound, length: run.count, stride: depth),
        weights: values, of: weights, part: "\(run) of \(depth)",
        shapes: ([rows, run.count], [rows, columns]),
        kernel: { inner throws(OperatorError) in try product.kernel(inner) })
      guard let part else { return nil }
      parts.append(part)
    }
    call.replaced.insert(places.b)
    call.note(
      "integers as float32, \(parts.count == 1 ? "one sum" : "\(parts.count) partial sums")")
    return ExactSums(
      input: places.a, zero: zeroA.input, code: code, outputCount: .work(rows, columns),
      parts: parts)
  }
}
