import CKernels
internal import COpenBLAS
import ONNXFormat
import ONNXOperators
import RealModule

/// An element type with matrix products by OpenBLAS.
@usableFromInline package protocol BLASElement: RealElement, Real, BinaryFloatingPoint
where Compute == Self {
  /// `c[m, n] = α · op(a) · op(b) + β · c`, all row-major.
  static func multiply(
    _ m: Int32, _ n: Int32, _ k: Int32, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int32,
    transposed transA: Bool, _ b: UnsafePointer<Self>, _ ldb: Int32, transposed transB: Bool,
    _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int32)
  /// `y = α · op(a) · x + β · y` for a row-major `a` of `m` rows and `n` columns.
  static func multiply(
    _ m: Int32, _ n: Int32, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int32,
    transposed: Bool, vector x: UnsafePointer<Self>, _ strideX: Int32, _ beta: Self,
    _ y: UnsafeMutablePointer<Self>, _ strideY: Int32)
  /// `y += x · panel` for each row, where `panel` is `[depth, width]` and `width` is 64 bytes or a
  /// panel of `ck_product_panel`. The order of additions does not depend on the number of rows.
  static func multiply(
    rows: UnsafeBufferPointer<ck_row>, panel: UnsafePointer<Self>, depth: Int, width: Int)
}

extension Float: BLASElement {
  @usableFromInline package static func multiply(
    rows: UnsafeBufferPointer<ck_row>, panel: UnsafePointer<Float>, depth: Int, width: Int
  ) {
    ck_product_f32(
      ck_simd_level(), panel, depth, width, 1, width, rows.baseAddress, rows.count, 0)
  }

  @usableFromInline package static func multiply(
    _ m: Int32, _ n: Int32, _ k: Int32, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int32,
    transposed transA: Bool, _ b: UnsafePointer<Float>, _ ldb: Int32, transposed transB: Bool,
    _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int32
  ) {
    cb_sgemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  }

  @usableFromInline package static func multiply(
    _ m: Int32, _ n: Int32, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int32,
    transposed: Bool, vector x: UnsafePointer<Float>, _ strideX: Int32, _ beta: Float,
    _ y: UnsafeMutablePointer<Float>, _ strideY: Int32
  ) {
    cb_sgemv(transposed, m, n, alpha, a, lda, x, strideX, beta, y, strideY)
  }
}

extension Double: BLASElement {
  @usableFromInline package static func multiply(
    rows: UnsafeBufferPointer<ck_row>, panel: UnsafePointer<Double>, depth: Int, width: Int
  ) {
    ck_product_f64(
      ck_simd_level(), panel, depth, width, 1, width, rows.baseAddress, rows.count, 0)
  }

  @usableFromInline package static func multiply(
    _ m: Int32, _ n: Int32, _ k: Int32, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int32,
    transposed transA: Bool, _ b: UnsafePointer<Double>, _ ldb: Int32, transposed transB: Bool,
    _ beta: Double, _ c: UnsafeMutablePointer<Double>, _ ldc: Int32
  ) {
    cb_dgemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  }

  @usableFromInline package static func multiply(
    _ m: Int32, _ n: Int32, _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int32,
    transposed: Bool, vector x: UnsafePointer<Double>, _ strideX: Int32, _ beta: Double,
    _ y: UnsafeMutablePointer<Double>, _ strideY: Int32
  ) {
    cb_dgemv(transposed, m, n, alpha, a, lda, x, strideX, beta, y, strideY)
  }
}

/// The matrix product `C[m, n] = α · op(A)[m, k] · op(B)[k, n] + β · C`, row-major, divided into
/// tiles of C that threads compute in any order. The tiles depend on the sizes only.
package struct GEMM<T: BLASElement>: Sendable {
  package let rows: Int
  package let columns: Int
  package let depth: Int
  package var transposeA = false
  package var transposeB = false
  package var alpha: T = 1
  package var beta: T = 0
  /// The strides between rows in elements, as stored.
  package let strideA: Int
  package let strideB: Int
  package let strideC: Int
  /// Whether an element's bits only depend on its row of A and its column of B.
  package let isInvariant: Bool
  /// The size of a tile of C.
  private(set) var tileRows: Int
  private(set) var tileColumns: Int

  /// A product of matrices with contiguous rows unless a stride is given, as a single tile if the
  /// caller divides the work itself.
  package init(
    rows: Int, columns: Int, depth: Int, transposeA: Bool = false, transposeB: Bool = false,
    alpha: T = 1, beta: T = 0, strideA: Int? = nil, strideB: Int? = nil, strideC: Int? = nil,
    isTiled: Bool = true, isInvariant: Bool = false
  ) throws(OperatorError) {
    // A run should not be the one to wait for it.
    _ = cb_open()
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.transposeA = transposeA
    self.transposeB = transposeB
    self.alpha = alpha
    self.beta = beta
    self.isInvariant = isInvariant
    self.strideA = max(strideA ?? (transposeA ? rows : depth), 1)
    self.strideB = max(strideB ?? (transposeB ? depth : columns), 1)
    self.strideC = max(strideC ?? columns, 1)
    for size in [rows, columns, depth, self.strideA, self.strideB, self.strideC]
    where size > Int32.max {
      throw .unsupported("a matrix product of size \(size)")
    }
    (tileRows, tileColumns) =
      isTiled ? Self.cut(rows, columns, depth) : (max(rows, 1), max(columns, 1))
  }

  /// The size of at most eight tiles, each worth a task and wide enough for BLAS to be fast; more
  /// tiles if a matrix is read only once and memory bandwidth is the limit.
  private static func cut(_ rows: Int, _ columns: Int, _ depth: Int) -> (Int, Int) {
    if rows <= 4 || columns <= 4 {
      let size = max(64, 65536 / max(depth, 1))
      return rows <= columns
        ? (max(rows, 1), max(min(columns, size), 1)) : (max(min(rows, size), 1), max(columns, 1))
    }
    var tile = (rows, columns)
    let goal = max(4_194_304 / max(depth, 1), rows / 8 * columns)
    while tile.0 * tile.1 > goal {
      if tile.0 > tile.1 && tile.0 >= 256 {
        tile.0 = half(tile.0)
      } else if tile.1 >= 384 {
        tile.1 = half(tile.1)
      } else if tile.0 >= 256 {
        tile.0 = half(tile.0)
      } else {
        break
      }
    }
    return tile
  }

  /// Half a size, rounded up to whole vectors.
  private static func half(_ size: Int) -> Int { ((size + 1) / 2 + 15) / 16 * 16 }

  package var tiles: Int { isEmpty ? 0 : rowTiles * columnTiles }
  private var isEmpty: Bool { rows == 0 || columns == 0 }
  private var rowTiles: Int { (rows + tileRows - 1) / tileRows }
  private var columnTiles: Int { (columns + tileColumns - 1) / tileColumns }

  /// The rows and columns of tile `index`.
  package func tile(_ index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let row = index / columnTiles * tileRows
    let column = index % columnTiles * tileColumns
    return (row..<min(row + tileRows, rows), column..<min(column + tileColumns, columns))
  }

  /// Computes tile `index` of C.
  package func multiply(
    tile index: Int, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ c: UnsafeMutablePointer<T>
  ) {
    let (rows, columns) = tile(index)
    if isInvariant { return multiplyInOrder(rows, columns, a, b, c) }
    let a = a + rows.lowerBound * (transposeA ? 1 : strideA)
    let b = b + columns.lowerBound * (transposeB ? strideB : 1)
    let c = c + rows.lowerBound * strideC + columns.lowerBound
    let m = Int32(rows.count)
    let n = Int32(columns.count)
    let k = Int32(depth)
    let lda = Int32(strideA)
    let ldb = Int32(strideB)
    if (m == 1 || n == 1) && beta == 0 {
      // BLAS may multiply uninitialised elements, which may be NaN, by β.
      for i in 0..<rows.count * columns.count { c[i * (m == 1 ? 1 : strideC)] = 0 }
    }
    if m == 1 && depth > 0 {
      T.multiply(
        transposeB ? n : k, transposeB ? k : n, alpha, b, ldb, transposed: !transposeB, vector: a,
        transposeA ? lda : 1, beta, c, 1)
    } else if n == 1 && depth > 0 {
      T.multiply(
        transposeA ? k : m, transposeA ? m : k, alpha, a, lda, transposed: transposeA, vector: b,
        transposeB ? 1 : ldb, beta, c, Int32(strideC))
    } else {
      T.multiply(
        m, n, k, alpha, a, lda, transposed: transposeA, b, ldb, transposed: transposeB, beta, c,
        Int32(strideC))
    }
  }

  /// Computes all of C on this thread.
  package func multiply(_ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ c: UnsafeMutablePointer<T>)
  {
    for index in 0..<tiles { multiply(tile: index, a, b, c) }
  }
}
