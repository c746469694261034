import CKernels
import ONNXFormat
import ONNXOperators

/// How packed matrices (ck_panels.h) hold the terms of sums: as float32, or rounded to bfloat16, two
/// to a word of 4 bytes.
package enum PanelFormat: String, Sendable {
  case float32, bfloat16

  /// The format of products with a constant input `weights`.
  package init(_ call: Preparation, weights: Int) {
    self =
      call.precision == .bfloat16 && call.precision.isSupported
        && call.inputs.constant(weights) != nil ? .bfloat16 : .float32
  }

  /// Words of a sum of `depth` terms.
  package func words(_ depth: Int) -> Int { self == .float32 ? depth : (depth + 1) / 2 }

  /// Packs some rows, which are `stride` elements apart, as one block.
  package func packRows(
    _ a: UnsafePointer<Float>, stride: Int, depth: Int, rows: Int,
    _ packed: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .float32: ck_pack_rows(a, stride, depth, rows, packed)
    case .bfloat16: ck_bfloat16_rows(a, stride, depth, rows, packed.words)
    }
  }

  /// Converts panels of float32 to this format in place.
  package func convert(panels: UnsafeMutablePointer<Float>, depth: Int, columns: Int) {
    if self == .bfloat16 { ck_bfloat16_panels(panels, depth, columns) }
  }

  /// The product of packed matrices.
  /// - Parameter product: its sizes, with the depth in words
  package func multiply(
    _ product: ck_product, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ epilogue: ck_epilogue
  ) {
    withUnsafePointer(to: product) { product in
      withUnsafePointer(to: epilogue) { epilogue in
        switch self {
        case .float32: ck_panel_product(product, a, b, y, epilogue)
        case .bfloat16:
          a.withMemoryRebound(to: UInt32.self, capacity: 1) { a in
            b.withMemoryRebound(to: UInt32.self, capacity: 1) { b in
              ck_bfloat16_product(product, a, b, y, epilogue)
            }
          }
        }
      }
    }
  }
}

extension UnsafeMutablePointer<Float> {
  fileprivate var words: UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: UInt32.self)
  }
}
