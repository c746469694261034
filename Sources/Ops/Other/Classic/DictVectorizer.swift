import ONNXFormat
import ONNXOperators
import ONNXShape

/// The values of a map in the order of a vocabulary, 0 or an empty string for missing keys: a map →
/// `[V]`. Keys that are not in the vocabulary are ignored.
struct DictVectorizer: Operator {
  static let schema = Schema(
    "DictVectorizer", domain: "ai.onnx.ml", [1: [.int64, .float32, .float64, .string]],
    inputs: 1...1)
  let integers: [Int64]
  let strings: [String]

  init(_ node: inout NodeReader) throws(OperatorError) {
    integers = (try node.optionalInts("int64_vocabulary") ?? []).map { Int64($0) }
    strings = try node.optionalStrings("string_vocabulary") ?? []
    guard integers.isEmpty != strings.isEmpty else {
      throw .invalid("expected one of int64_vocabulary and string_vocabulary")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let (key, value) = try inputs.mapTypes(0)
    guard key == (strings.isEmpty ? .int64 : .string) else {
      throw .input(0, "expected keys of the type of the vocabulary, got \(key)")
    }
    return [.tensor(value ?? .float32, [max(integers.count, strings.count)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let map = try call.map(0)
      let places: [Int?]
      switch map.keys {
      case .integers(let keys, _):
        let known = Dictionary(zip(keys, keys.indices)) { $1 }
        places = integers.map { known[$0] }
      case .strings(let keys):
        let known = Dictionary(zip(keys.map { Array($0.utf8) }, keys.indices)) { $1 }
        places = strings.map { known[Array($0.utf8)] }
      }
      return [.tensor(try call.gathered(map.values, places, [places.count]))]
    }
  }
}
