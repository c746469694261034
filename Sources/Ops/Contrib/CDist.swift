import ONNXFormat
import ONNXOperators

/// The distances between the rows of `A [m, k]` and of `B [n, k]`: `[m, n]`, Euclidean or their squares.
struct CDist: Operator {
  static let schema = Schema(
    "CDist", domain: ContribOperators.domain, [1: [.float32, .float64]], inputs: 2...2)
  let isSquare: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    isSquare =
      try node.choice("metric", default: "sqeuclidean", among: ["euclidean", "sqeuclidean"])
      == "sqeuclidean"
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    _ = try inputs.tensor(1, sameTypeAs: 0)
    let (a, b) = (try inputs.shape(0, rank: 2), try inputs.shape(1, rank: 2))
    if let m = a?[1].size, let n = b?[1].size, m != n {
      throw .input(1, "expected rows of \(m) numbers, got \(n)")
    }
    return [.tensor(type, [a?[0] ?? .unknown, b?[0] ?? .unknown])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self)
    case .float64: try kernel(call, Double.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: Element & BinaryFloatingPoint & SIMDScalar>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let (a, b) = (try call.inputSizes(0), try call.inputSizes(1))
    let (columns, depth) = (b[0], a[1])
    let isSquare = isSquare
    let tiles = Tiles(a[0], cost: .work(columns, max(depth, 1)))
    let tile: Buffers.Tile = { buffers, task, _ in
      for row in tiles[task] {
        let x = buffers.input(0, as: T.self) + row * depth
        let result = buffers.output(0, as: T.self) + row * columns
        for column in 0..<columns {
          let y = buffers.input(1, as: T.self) + column * depth
          var sums = SIMD8<T>.zero
          var k = 0
          while k + 8 <= depth {
            let difference =
              UnsafeRawPointer(x + k).loadUnaligned(as: SIMD8<T>.self)
              - UnsafeRawPointer(y + k).loadUnaligned(as: SIMD8<T>.self)
            sums += difference * difference
            k += 8
          }
          var sum = sums.sum()
          while k < depth {
            sum += (x[k] - y[k]) * (x[k] - y[k])
            k += 1
          }
          result[column] = isSquare ? sum : sum.squareRoot()
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}
