import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Matrix products as one list of tasks. Their operands lie at offsets from addresses that are
/// known when they run.
struct ProductTasks<T: TrainingValue>: Sendable {
  private var products: [(gemm: GEMM<T>, a: Int, b: Int, c: Int)] = []
  private(set) var count = 0
  /// Whether all products are added up in one C, tile by tile.
  private let isSum: Bool

  init(isSum: Bool = false) { self.isSum = isSum }

  mutating func append(_ gemm: GEMM<T>, a: Int, b: Int, c: Int) {
    var gemm = gemm
    if isSum, !products.isEmpty { gemm.beta = 1 }
    products.append((gemm, a, b, c))
    count = isSum ? gemm.tiles : count + gemm.tiles
  }

  func run(
    _ task: Int, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ c: UnsafeMutablePointer<T>
  ) {
    var task = task
    for product in products {
      if isSum || task < product.gemm.tiles {
        product.gemm.multiply(tile: task, a + product.a, b + product.b, c + product.c)
        if !isSum { return }
      } else {
        task -= product.gemm.tiles
      }
    }
  }
}

/// The products behind the gradients of X, W and R:
/// `dW = dGᵀ · X`, `dR = dGᵀ · Ht−1`, `dX = Σ dG · W` over directions.
struct TrainingProducts<C: TrainingCell>: Sendable {
  typealias T = C.Value

  private var weights = ProductTasks<T>()
  private var recurrent = ProductTasks<T>()
  private var input = ProductTasks<T>(isSum: true)

  init(_ layer: TrainingLayer<C>, wanted: [Bool]) throws(OperatorError) {
    let (sizes, padded, gates, slots) = (layer.sizes, layer.padded, layer.gates, layer.slots)
    let value = MemoryLayout<T>.stride
    let count = sizes.steps * sizes.batch
    for direction in 0..<sizes.directions {
      let gradients = direction * count * slots * padded
      for (slot, units) in layer.runs(0..<gates) {
        let matrix = (direction * gates + slot) * sizes.hidden * sizes.input
        if wanted[0] {
          input.append(
            try GEMM(rows: count, columns: sizes.input, depth: units, strideA: slots * padded),
            a: gradients + slot * padded, b: matrix, c: 0)
        }
        guard wanted[1] else { continue }
        for part in Self.parts(units) {
          weights.append(
            try GEMM(
              rows: part.count, columns: sizes.input, depth: count, transposeA: true,
              strideA: slots * padded, isTiled: false),
            a: gradients + slot * padded + part.lowerBound, b: 0,
            c: matrix + part.lowerBound * sizes.input)
        }
      }
      guard wanted[2] else { continue }
      let reserve = direction * layer.reserveSize
      let states =
        (reserve + layer.hiddenAt) / value + layer.before(0, direction) * sizes.batch * padded
      var gate = 0
      for (matrix, size) in layer.cell.matrices.enumerated() {
        let isExtra = layer.cell.multipliesExtraRows && matrix == layer.cell.matrices.count - 1
        let first = layer.cell.slots[matrix]
        for (slot, units) in layer.runs(first..<first + size) {
          for part in Self.parts(units) {
            let row = (direction * gates + gate + slot - first) * sizes.hidden + part.lowerBound
            recurrent.append(
              try GEMM(
                rows: part.count, columns: sizes.hidden, depth: count, transposeA: true,
                strideA: slots * padded, strideB: padded, isTiled: false),
              a: gradients + slot * padded + part.lowerBound,
              b: isExtra ? (reserve + layer.extraAt) / value : states, c: row * sizes.hidden)
          }
        }
        gate += size
      }
    }
  }

  /// Units in parts for threads to share: few, because each takes the states or X apart anew.
  private static func parts(_ units: Int) -> [Range<Int>] {
    let size = max(256, ((units + 3) / 4 + 15) / 16 * 16)
    return stride(from: 0, to: units, by: size).map { $0..<min($0 + size, units) }
  }

  var count: Int { weights.count + recurrent.count + input.count }

  func run(
    _ task: Int, gradients: UnsafePointer<T>, x: UnsafePointer<T>, w: UnsafePointer<T>,
    reserve: UnsafePointer<T>, dX: UnsafeMutablePointer<T>?, dW: UnsafeMutablePointer<T>?,
    dR: UnsafeMutablePointer<T>?
  ) {
    var task = task
    if task < recurrent.count {
      if let dR { recurrent.run(task, gradients, reserve, dR) }
      return
    }
    task -= recurrent.count
    if task < weights.count {
      if let dW { weights.run(task, gradients, x, dW) }
      return
    }
    if let dX { input.run(task - weights.count, gradients, w, dX) }
  }
}
