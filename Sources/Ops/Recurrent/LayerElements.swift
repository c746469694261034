import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Access to the tensors of a layer whose elements are converted to the type that gates are
/// computed in. The driver is compiled for that type alone and calls these once for each row.
struct LayerElements<T: GateValue>: Sendable {
  /// Bytes of an element.
  let stride: Int
  /// Whether the elements have another type than the gates.
  let areConverted: Bool
  /// Loads `count` elements, from the element at `first` on.
  let load:
    @Sendable (_ tensor: UnsafeRawPointer, _ first: Int, UnsafeMutablePointer<T>, _ count: Int) ->
      Void
  /// Stores `count` elements, from the element at `first` on.
  let store:
    @Sendable (UnsafePointer<T>, _ tensor: UnsafeMutableRawPointer, _ first: Int, _ count: Int) ->
      Void
  /// Packs the parameters of some units of a direction.
  let pack:
    @Sendable (
      ParameterLayout, ParameterTensors, _ direction: Int, _ units: Range<Int>,
      UnsafeMutablePointer<T>
    ) -> Void

  @inline(__always)
  init<E: RealElement>(_ type: E.Type) where E.Compute == T {
    stride = MemoryLayout<E>.stride
    areConverted = E.self != T.self
    load = { tensor, first, target, count in
      let source = tensor.assumingMemoryBound(to: E.self) + first
      for i in 0..<count { target[i] = source[i].compute }
    }
    store = { source, tensor, first, count in
      let target = tensor.assumingMemoryBound(to: E.self) + first
      for i in 0..<count { target[i] = E(compute: source[i]) }
    }
    pack = { layout, source, direction, units, target in
      layout.pack(E.self, source, direction: direction, units, target)
    }
  }

  /// Sets elements to 0, whose bits are 0 in every floating-point type.
  func clear(_ tensor: UnsafeMutableRawPointer, _ first: Int, _ count: Int) {
    (tensor + first * stride).initializeMemory(as: UInt8.self, repeating: 0, count: count * stride)
  }
}
