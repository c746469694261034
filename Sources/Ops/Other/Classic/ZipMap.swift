import ONNXFormat
import ONNXOperators
import ONNXShape

/// Each row as a map from the keys in the attributes to its elements: `[N, C]` → `N` maps. A vector is
/// one row.
struct ZipMap: Operator {
  static let schema = Schema("ZipMap", domain: "ai.onnx.ml", [1: .float32], inputs: 1...1)
  let keys: MapValue.Keys
  let count: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    let integers = try node.optionalInts("classlabels_int64s") ?? []
    let strings = try node.optionalStrings("classlabels_strings") ?? []
    guard integers.isEmpty != strings.isEmpty else {
      throw .invalid("expected one of classlabels_int64s and classlabels_strings")
    }
    count = max(integers.count, strings.count)
    keys = strings.isEmpty ? .integers(integers.map { Int64($0) }, .int64) : .strings(strings)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if let shape = try inputs.tensor(0, .float32).shape {
      guard shape.rank == 1 || shape.rank == 2 else {
        throw .input(0, "expected shape [C] or [N,C], got \(shape)")
      }
      if let columns = shape.last?.size, columns != count {
        throw .input(0, "expected \(count) columns, one for each key, got \(columns)")
      }
    }
    let key: ElementType = if case .strings = keys { .string } else { .int64 }
    return [.sequence(ValueType(.map(key: key, value: .tensor(.float32, [] as Shape))))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let x = try call.tensor(0)
      let scalar = ValueType.tensor(.float32, [] as Shape)
      let elements = x.elements(as: Float.self)
      var maps: [Value] = []
      for start in stride(from: 0, to: elements.count, by: count) {
        var values: [Value] = []
        for i in start..<min(start + count, elements.count) {
          let value = try call.allocate(.float32, [])
          value.storage.pointer.assumingMemoryBound(to: Float.self)[0] = elements[i]
          values.append(.tensor(value))
        }
        maps.append(.map(MapValue(keys: keys, values: SequenceValue(values, elementType: scalar))))
      }
      let type: ElementType = if case .strings = keys { .string } else { .int64 }
      return [
        .sequence(
          SequenceValue(maps, elementType: ValueType(.map(key: type, value: scalar))))
      ]
    }
  }
}
