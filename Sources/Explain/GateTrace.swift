import Glibc
import ONNXImages
internal import ONNXPlots

/// The gates and states of a recurrent layer at each step of a sequence.
public struct GateTrace: Sendable {
  /// A gate or state of all units.
  public struct Part: Sendable {
    /// The letter of the equations of the ONNX standard, such as `f`.
    public let letter: String
    /// The name, such as `forget gate`.
    public let name: String
    /// `[T, H]`
    public fileprivate(set) var values: [Float]
  }

  /// The name of the layer.
  public let node: String
  /// `LSTM`, `GRU` or `RNN`.
  public let operatorType: String
  /// The gates in the order of the equations, then the states; the hidden state is last.
  public private(set) var parts: [Part]
  /// The number of steps, T.
  public let steps: Int
  /// The number of units, H.
  public let units: Int

  /// The first sequence of a batch and the parameters of one direction.
  struct Layer {
    var kind: String
    var steps: Int
    var units: Int
    /// `[T, I]`
    var x: [Float]
    /// `[gates · H, I]`
    var w: [Float]
    /// `[gates · H, H]`
    var r: [Float]
    /// `[2 · gates · H]`
    var b: [Float]
    /// The peepholes of an LSTM, `[3 · H]`
    var p: [Float]
    var initialH: [Float]
    var initialC: [Float]
    var isReverse: Bool
    var clip: Float?
    var couplesInputAndForget: Bool
    var isLinearBeforeReset: Bool
    /// Of the gates, the candidate, and the LSTM's output.
    var activations: [@Sendable (Float) -> Float]
  }

  /// Computes the gates of a layer.
  /// - Precondition: the arrays of the layer have the stated lengths
  init(_ node: String, _ layer: Layer) {
    self.node = node
    operatorType = layer.kind
    steps = layer.steps
    units = layer.units
    let names: KeyValuePairs =
      switch layer.kind {
      case "LSTM":
        [
          "i": "input gate", "f": "forget gate", "o": "output gate", "c": "candidate",
          "C": "cell", "H": "hidden",
        ]
      case "GRU": ["z": "update gate", "r": "reset gate", "h": "candidate", "H": "hidden"]
      default: ["H": "hidden"]
      }
    parts = names.map { letter, name in
      Part(
        letter: letter, name: name,
        values: [Float](repeating: 0, count: layer.steps * layer.units))
    }
    var h = layer.initialH
    var c = layer.initialC
    for number in 0..<steps {
      let t = layer.isReverse ? steps - 1 - number : number
      switch layer.kind {
      case "LSTM": lstm(layer, t, &h, &c)
      case "GRU": gru(layer, t, &h)
      default:
        let sums = layer.sums(t, h)
        h = sums.map { layer.activations[0]($0) }
        record(0, t, h)
      }
    }
  }

  private mutating func record(_ part: Int, _ t: Int, _ row: [Float]) {
    for unit in 0..<units { parts[part].values[t * units + unit] = row[unit] }
  }

  private mutating func lstm(
    _ layer: Layer, _ t: Int, _ h: inout [Float], _ c: inout [Float]
  ) {
    let sums = layer.sums(t, h)
    let H = units
    var gates = (0..<4).map { Array(sums[$0 * H..<($0 + 1) * H]) }
    let (f, g, out) = (layer.activations[0], layer.activations[1], layer.activations[2])
    for u in 0..<H {
      let it = f(layer.clipped(gates[0][u] + layer.p[u] * c[u]))
      let ft =
        layer.couplesInputAndForget
        ? 1 - it : f(layer.clipped(gates[2][u] + layer.p[2 * H + u] * c[u]))
      let ct = g(layer.clipped(gates[3][u]))
      c[u] = ft * c[u] + it * ct
      let ot = f(layer.clipped(gates[1][u] + layer.p[H + u] * c[u]))
      h[u] = ot * out(c[u])
      gates[0][u] = it
      gates[1][u] = ot
      gates[2][u] = ft
      gates[3][u] = ct
    }
    for (part, row) in [gates[0], gates[2], gates[1], gates[3], c, h].enumerated() {
      record(part, t, row)
    }
  }

  private mutating func gru(_ layer: Layer, _ t: Int, _ h: inout [Float]) {
    let H = units
    let fromX = layer.inputSums(t, 0..<3)
    let fromH = layer.stateSums(h, 0..<3)
    let (f, g) = (layer.activations[0], layer.activations[1])
    let z = (0..<H).map { f(layer.clipped(fromX[$0] + fromH[$0])) }
    let r = (0..<H).map { f(layer.clipped(fromX[H + $0] + fromH[H + $0])) }
    var candidate: [Float]
    if layer.isLinearBeforeReset {
      candidate = (0..<H).map { fromX[2 * H + $0] + r[$0] * fromH[2 * H + $0] }
    } else {
      let reset = layer.stateSums((0..<H).map { r[$0] * h[$0] }, 2..<3)
      candidate = (0..<H).map { fromX[2 * H + $0] + reset[$0] }
    }
    candidate = candidate.map { g(layer.clipped($0)) }
    h = (0..<H).map { (1 - z[$0]) * candidate[$0] + z[$0] * h[$0] }
    for (part, row) in [z, r, candidate, h].enumerated() { record(part, t, row) }
  }
}

extension GateTrace {
  /// The units whose gates change most from step to step, in their order.
  private func liveliestUnits(_ count: Int) -> [Int] {
    // The states are not gates, but an RNN has nothing else.
    let gates = parts.dropLast(parts.count > 1 ? 1 : 0)
    let changes = (0..<units).map { unit in
      gates.reduce(0) { sum, part in
        sum
          + (1..<max(1, steps)).reduce(Float(0)) { sum, step in
            sum + abs(part.values[step * units + unit] - part.values[(step - 1) * units + unit])
          }
      }
    }
    return changes.indices.sorted { changes[$0] > changes[$1] }.prefix(count).sorted()
  }

  /// A heat map with a column for each step: red is 1, white 0 and blue -1. Cells beyond that range
  /// have the colour of its end.
  /// - Parameters:
  ///   - units: the number of units drawn of each gate: those that change most
  ///   - tokens: the text of each step, as labels; or empty
  /// - Throws: `ImageError` for a picture that is too large
  public func image(units: Int = 10, tokens: [String] = []) throws(ImageError) -> Image {
    let chosen = liveliestUnits(min(units, self.units))
    var rows: [Float] = []
    var labels: [String] = []
    for part in parts {
      if !rows.isEmpty {
        // A line between gates.
        rows += [Float](repeating: .nan, count: steps)
        labels.append("")
      }
      for unit in chosen {
        rows += (0..<steps).map { part.values[$0 * self.units + unit] }
        labels.append("\(part.letter) \(unit)")
      }
    }
    var map = HeatMap(
      "\(operatorType) \(node)", rows: labels.count, columns: steps, values: rows)
    map.rowLabels = labels
    map.columnLabels = tokens
    map.range = -1...1
    map.notes = parts.map { "\($0.letter): \($0.name)" }
    map.xLabel = "step"
    let height = max(9, min(16, 900 / max(labels.count, 1)))
    return try map.image(cell: (max(8, min(24, 1100 / max(steps, 1))), height))
  }
}

extension GateTrace.Layer {
  fileprivate func clipped(_ sum: Float) -> Float { clip.map { min(max(sum, -$0), $0) } ?? sum }

  private var gates: Int { w.isEmpty ? 0 : r.count / (units * units) }
  private var inputs: Int { x.count / max(steps, 1) }

  /// `Xt Wᵀ + Wb` of these gates.
  fileprivate func inputSums(_ t: Int, _ range: Range<Int>) -> [Float] {
    product(w, range, x, t * inputs, inputs, bias: 0)
  }

  /// `h Rᵀ + Rb` of these gates.
  fileprivate func stateSums(_ h: [Float], _ range: Range<Int>) -> [Float] {
    product(r, range, h, 0, units, bias: gates * units)
  }

  fileprivate func sums(_ t: Int, _ h: [Float]) -> [Float] {
    let all = 0..<gates
    let sums = zip(inputSums(t, all), stateSums(h, all)).map { $0 + $1 }
    return kind == "RNN" ? sums.map(clipped) : sums
  }

  private func product(
    _ matrix: [Float], _ range: Range<Int>, _ vector: [Float], _ start: Int, _ count: Int,
    bias: Int
  ) -> [Float] {
    matrix.withUnsafeBufferPointer { matrix in
      vector.withUnsafeBufferPointer { vector in
        (range.lowerBound * units..<range.upperBound * units).map { row in
          var sum = b[bias + row]
          for column in 0..<count { sum += matrix[row * count + column] * vector[start + column] }
          return sum
        }
      }
    }
  }
}
