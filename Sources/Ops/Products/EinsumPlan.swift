import ONNXFormat
import ONNXOperators

/// An array under contraction: its location and its stride along each label. A repeated label steps
/// along the diagonal; a label of size 1 has stride 0.
struct EinsumTerm: Sendable {
  enum Place: Sendable {
    case input(Int)
    /// The offset in elements from the start of the scratch memory.
    case scratch(Int)
    case output
  }

  let place: Place
  private(set) var labels: [EinsumEquation.Label] = []
  private(set) var strides: [EinsumEquation.Label: Int] = [:]

  init(_ place: Place, _ labels: [EinsumEquation.Label], _ sizes: [Int]) {
    self.place = place
    var stride = 1
    for (label, size) in zip(labels, sizes).reversed() {
      strides[label, default: 0] += size == 1 ? 0 : stride
      stride = Int.work(stride, size)
    }
    for label in labels where !self.labels.contains(label) { self.labels.append(label) }
  }
}

/// The steps of an Einstein summation: copies of arrays into matrix order, and matrix products.
struct EinsumPlan<T: ProductElement>: Sendable {
  /// The axes of a copy: their sizes and their strides in the source.
  typealias Axes = [(size: Int, stride: Int)]

  enum Step: Sendable {
    /// Writes `to`, dense over `kept`, with sums over `summed`.
    case gather(EinsumTerm.Place, to: EinsumTerm.Place, kept: Axes, summed: Axes)
    case multiply(EinsumProduct<T>)
  }

  let sizes: [EinsumEquation.Label: Int]
  /// The label of the batch axis if results must not depend on the batch size; otherwise `nil`.
  let sample: EinsumEquation.Label?
  private var steps: [Step] = []
  /// The number of elements of scratch memory in use.
  private var room = 0

  init(sizes: [EinsumEquation.Label: Int], sample: EinsumEquation.Label? = nil) {
    self.sizes = sizes
    self.sample = sample
  }

  private func axes(_ term: EinsumTerm, _ labels: [EinsumEquation.Label]) -> Axes {
    labels.map { (sizes[$0] ?? 1, term.strides[$0] ?? 0) }
  }

  private func count(_ labels: [EinsumEquation.Label]) throws(OperatorError) -> Int {
    guard let count = labels.map({ sizes[$0] ?? 1 }).elementCount else {
      throw .invalid(
        "the element count of an intermediate result of \(labels.count) axes overflows")
    }
    return count
  }

  private mutating func reserve(_ count: Int) throws(OperatorError) -> EinsumTerm.Place {
    let place = room
    room = Int.total(room, count.vectors)
    guard room < Int.max / 16 else {
      throw .invalid("the size of the intermediate results overflows")
    }
    return .scratch(place)
  }

  /// The term copied to these labels in order, and summed over its other labels.
  private mutating func gathered(
    _ term: EinsumTerm, _ labels: [EinsumEquation.Label]
  ) throws(OperatorError) -> EinsumTerm.Place {
    let kept = axes(term, labels)
    let rest = term.labels.filter { !labels.contains($0) }
    var dense = 1
    var isDense = rest.allSatisfy { sizes[$0] == 1 }
    for axis in kept.reversed() where axis.size != 1 {
      isDense = isDense && axis.stride == dense
      dense = Int.work(dense, axis.size)
    }
    if isDense { return term.place }
    let place = try reserve(try count(labels))
    steps.append(.gather(term.place, to: place, kept: kept, summed: axes(term, rest)))
    return place
  }

  /// The product of two terms, summed over the labels that no later step needs.
  mutating func contract(
    _ a: EinsumTerm, _ b: EinsumTerm, keeping needed: Set<EinsumEquation.Label>
  ) throws(OperatorError) -> EinsumTerm {
    let shared = a.labels.filter { b.labels.contains($0) }
    let batch = shared.filter { needed.contains($0) }
    let summed = shared.filter { !needed.contains($0) }
    let rows = a.labels.filter { !shared.contains($0) && needed.contains($0) }
    let columns = b.labels.filter { !shared.contains($0) && needed.contains($0) }
    let left = try gathered(a, batch + rows + summed)
    let right = try gathered(b, batch + summed + columns)
    let labels = batch + rows + columns
    let results = try count(labels)
    let target = try reserve(results)
    guard results > 0 else { return EinsumTerm(target, labels, labels.map { sizes[$0] ?? 1 }) }
    steps.append(
      .multiply(
        try EinsumProduct(
          a: left, b: right, y: target, batch: try count(batch), rows: try count(rows),
          columns: try count(columns), depth: try count(summed),
          isInvariant: sample.map { (rows + columns).contains($0) } ?? false)))
    return EinsumTerm(target, labels, labels.map { sizes[$0] ?? 1 })
  }

  /// The kernel of all steps, which writes the term in the label order of the result.
  mutating func kernel(
    _ term: EinsumTerm, _ output: [EinsumEquation.Label]
  ) throws(OperatorError) -> Kernel {
    let rest = term.labels.filter { !output.contains($0) }
    _ = try count(output)
    steps.append(
      .gather(term.place, to: .output, kept: axes(term, output), summed: axes(term, rest)))
    let steps = steps
    return .compute(scratch: .work(room, MemoryLayout<T>.stride)) { buffers in
      for step in steps {
        switch step {
        case .gather(let from, let to, let kept, let summed):
          let y: UnsafeMutablePointer<T> = to.pointer(buffers)
          let count = kept.map(\.size).elementCount ?? 0
          if summed.contains(where: { $0.size == 0 }) {
            y.update(repeating: T(sum: T.emptySum), count: count)
          } else if count > 0 {
            Self.gather(UnsafePointer(from.pointer(buffers)), y, kept[...], summed[...])
          }
        case .multiply(let product):
          buffers.parallel(product.tasks, product.tile)
        }
      }
    }
  }

  /// Writes the sums over `summed`, dense over `kept`.
  /// - Returns: The pointer after the last sum.
  @discardableResult
  private static func gather(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>,
    _ kept: ArraySlice<(size: Int, stride: Int)>,
    _ summed: ArraySlice<(size: Int, stride: Int)>
  ) -> UnsafeMutablePointer<T> {
    guard let axis = kept.first else {
      var sum = T.emptySum
      add(&sum, x, summed)
      y.pointee = T(sum: sum)
      return y + 1
    }
    if kept.count == 1 && summed.isEmpty {
      for i in 0..<axis.size { y[i] = x[i * axis.stride] }
      return y + axis.size
    }
    var next = y
    for i in 0..<axis.size {
      next = gather(x + i * axis.stride, next, kept.dropFirst(), summed)
    }
    return next
  }

  private static func add(
    _ sum: inout T.Sum, _ x: UnsafePointer<T>, _ axes: ArraySlice<(size: Int, stride: Int)>
  ) {
    guard let axis = axes.first else { return T.add(&sum, x.pointee) }
    for i in 0..<axis.size { add(&sum, x + i * axis.stride, axes.dropFirst()) }
  }
}

extension EinsumTerm.Place {
  func pointer<T>(_ buffers: Buffers) -> UnsafeMutablePointer<T> {
    switch self {
    case .input(let index): UnsafeMutablePointer(mutating: buffers.input(index, as: T.self))
    case .scratch(let offset): buffers.scratch.assumingMemoryBound(to: T.self) + offset
    case .output: buffers.output(0)
    }
  }
}

/// The products `[batch, rows, depth] · [batch, depth, columns]` of dense arrays.
struct EinsumProduct<T: ProductElement>: Sendable {
  let tasks: Int
  let tile: Buffers.Tile

  init(
    a: EinsumTerm.Place, b: EinsumTerm.Place, y: EinsumTerm.Place, batch: Int, rows: Int,
    columns: Int, depth: Int, isInvariant: Bool
  ) throws(OperatorError) {
    if T.self == Float.self {
      (tasks, tile) = try Self.blas(a, b, y, batch, rows, columns, depth, isInvariant, Float.self)
    } else if T.self == Double.self {
      (tasks, tile) = try Self.blas(a, b, y, batch, rows, columns, depth, isInvariant, Double.self)
    } else {
      tasks = .work(batch, rows)
      tile = { buffers, task, _ in
        let matrix = task / rows
        let a: UnsafeMutablePointer<T> = a.pointer(buffers) + task * depth
        let b: UnsafeMutablePointer<T> = b.pointer(buffers) + matrix * depth * columns
        let y: UnsafeMutablePointer<T> = y.pointer(buffers) + task * columns
        for column in 0..<columns {
          var sum = T.emptySum
          for k in 0..<depth { T.add(&sum, a[k], times: b[k * columns + column]) }
          y[column] = T(sum: sum)
        }
      }
    }
  }

  private static func blas<F: BLASElement>(
    _ a: EinsumTerm.Place, _ b: EinsumTerm.Place, _ y: EinsumTerm.Place, _ batch: Int, _ rows: Int,
    _ columns: Int, _ depth: Int, _ isInvariant: Bool, _ type: F.Type
  ) throws(OperatorError) -> (Int, Buffers.Tile) {
    let product = try GEMM<F>(
      rows: rows, columns: columns, depth: depth, isInvariant: isInvariant)
    return (
      .work(batch, product.tiles),
      { buffers, task, _ in
        let matrix = task / product.tiles
        let a: UnsafeMutablePointer<F> = a.pointer(buffers) + matrix * rows * depth
        let b: UnsafeMutablePointer<F> = b.pointer(buffers) + matrix * depth * columns
        let y: UnsafeMutablePointer<F> = y.pointer(buffers) + matrix * rows * columns
        product.multiply(tile: task % product.tiles, a, b, y)
      }
    )
  }
}
