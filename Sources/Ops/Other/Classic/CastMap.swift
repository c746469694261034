import Glibc
import ONNXFormat
import ONNXOperators
import ONNXShape

/// The values of a map in the order of their integer keys, cast to a type: a map → `[1, N]`. The keys of
/// a sparse map are indices in a row of `max_map` elements; the other elements are 0.
struct CastMap: Operator {
  static let schema = Schema("CastMap", domain: "ai.onnx.ml", [1: .all], inputs: 1...1)
  let type: ElementType
  /// The number of elements of the row of a sparse map; `nil` for a dense map.
  let size: Int?

  init(_ node: inout NodeReader) throws(OperatorError) {
    type =
      switch try node.choice(
        "cast_to", default: "TO_FLOAT", among: ["TO_FLOAT", "TO_STRING", "TO_INT64"])
      {
      case "TO_STRING": .string
      case "TO_INT64": .int64
      default: .float32
      }
    let form = try node.choice("map_form", default: "DENSE", among: ["DENSE", "SPARSE"])
    let count = try node.int("max_map", default: 1)
    guard form == "DENSE" || count > 0 else {
      throw .attribute("max_map", "expected a positive number, got \(count)")
    }
    size = form == "SPARSE" ? count : nil
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let (key, value) = try inputs.mapTypes(0)
    guard key == .int64, [nil, .float32, .string].contains(value) else {
      throw .input(
        0, "expected a map of int64 to float32 or string, got \(try inputs.type(0))")
    }
    return [.tensor(type, [1, size.map { .size($0) } ?? .unknown])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let map = try call.map(0)
      guard case .integers(let keys, _) = map.keys else {
        throw .input(0, "expected a map of int64 keys")
      }
      // The last one of equal keys is used.
      let places = Dictionary(zip(keys, keys.indices)) { $1 }.sorted { $0.key < $1.key }
      if let size, let bad = places.first(where: { $0.key < 0 || $0.key >= size }) {
        throw .input(0, "key \(bad.key) is not in 0 to \(size - 1)")
      }
      let result = try call.allocate(type, [1, size ?? places.count])
      let values = map.values
      switch type {
      case .string: try fill(result, places, values, "0.f") { $0.text }
      case .int64: try fill(result, places, values, 0 as Int64) { $0.integer }
      default: try fill(result, places, values, 0 as Float) { $0.number }
      }
      return [.tensor(result)]
    }
  }

  /// Fills a row. Only onnxruntime defines the padding of strings.
  private func fill<T>(
    _ result: Tensor, _ places: [(key: Int64, value: Int)], _ values: SequenceValue,
    _ padding: T, _ convert: (MapElement) -> T?
  ) throws(OperatorError) {
    let y = result.storage.pointer.assumingMemoryBound(to: T.self)
    if size != nil { for i in 0..<result.count { y[i] = padding } }
    for (index, place) in places.enumerated() {
      let element = try MapElement(values, place.value)
      guard let value = convert(element) else {
        throw .input(0, "'\(element.text)' cannot be cast to \(type)")
      }
      y[size == nil ? index : Int(place.key)] = value
    }
  }
}

/// A value of the map.
private enum MapElement {
  case float(Float)
  case string(String)

  init(_ values: SequenceValue, _ place: Int) throws(OperatorError) {
    guard values.elements.indices.contains(place), let value = values.elements[place].tensor,
      value.count == 1
    else { throw .input(0, "expected one value for every key") }
    switch value.elementType {
    case .float32: self = .float(value.elements(as: Float.self)[0])
    case .string: self = .string(value.elements(as: String.self)[0])
    case let type: throw .input(0, "expected float32 or strings in the map, got \(type)")
    }
  }

  /// Six digits after the decimal point, like `%f` in C.
  var text: String {
    switch self {
    case .string(let text): text
    case .float(let x):
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
        let count = withVaList([Double(x)]) {
          vsnprintf(buffer.baseAddress, buffer.count, "%f", $0)
        }
        return String(
          decoding: buffer.prefix(max(Int(count), 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
      }
    }
  }

  var number: Float? {
    switch self {
    case .float(let x): x
    case .string(let text): NumberText.double(text).map { Float($0) }
    }
  }

  /// Truncated to an integer; `nil` if it does not fit int64.
  var integer: Int64? {
    switch self {
    case .float(let x): Int64(exactly: x.rounded(.towardZero))
    case .string(let text): Int64(text)
    }
  }
}
