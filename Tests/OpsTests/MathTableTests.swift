// swift-format-ignore-file: NeverForceUnwrap
import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// One line of `mathTable`.
struct MathExample: Sendable, CustomTestStringConvertible {
  let node: Node
  let opset: Int
  let inputs: [Tensor?]
  let outputs: [Tensor]
  var testDescription: String { "\(node.operatorType) \(inputs.map { $0?.description ?? "-" })" }

  static let all: [MathExample] = mathTable.split(separator: "\n").map { MathExample(String($0)) }

  init(_ line: String) {
    let fields = line.split(separator: ";", omittingEmptySubsequences: false).map {
      $0.drop { $0 == " " }
    }
    let inputs = Self.tensors(fields[3])
    let outputs = Self.tensors(fields[4]).compactMap { $0 }
    opset = Int(fields[1])!
    self.inputs = inputs
    self.outputs = outputs
    node = Node(
      String(fields[0]), inputs: inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" },
      outputs: outputs.indices.map { "y\($0)" },
      attributes: fields[2].split(separator: " ").map(Self.attribute))
  }

  private static func attribute(_ text: Substring) -> Attribute {
    let parts = text.split(separator: "=", maxSplits: 1)
    let (name, value) = (String(parts[0]), parts[1].dropFirst())
    switch parts[1].first {
    case "f": return .float(name, Float(value)!)
    case "i": return .int(name, Int(value)!)
    case "I": return .ints(name, value.split(separator: ",").map { Int($0)! })
    default: return .string(name, String(value))
    }
  }

  private static func tensors(_ text: Substring) -> [Tensor?] {
    text.split(separator: "/").map { text in
      let words = text.split(separator: " ")
      guard words[0] != "-" else { return nil }
      let head = words[0].split(separator: "[")
      let shape = head[1].dropLast().split(separator: ",").map { Int($0)! }
      func make<T: Element>(_ convert: (String) -> T?) -> Tensor {
        Tensor(shape: shape, words.dropFirst().map { convert(String($0))! })
      }
      switch head[0] {
      case "bool": return make { $0 == "1" }
      case "float32": return make { Float($0) }
      case "float64": return make { Double($0) }
      case "float16": return make { Float16($0) }
      case "int8": return make { Int8($0) }
      case "int16": return make { Int16($0) }
      case "int32": return make { Int32($0) }
      case "int64": return make { Int64($0) }
      case "uint8": return make { UInt8($0) }
      case "uint32": return make { UInt32($0) }
      default: preconditionFailure("no type \(head[0])")
      }
    }
  }

  /// The same with every float32 tensor in another type; `nil` where the operator lacks that type.
  func converted(to type: ElementType) throws -> MathExample? {
    guard node.attributes.allSatisfy({ !["to", "dtype", "shape"].contains($0.name) }),
      let first = inputs.first ?? nil, first.elementType == .float32
    else { return nil }
    let types = try Registry.standard.make(node, operatorSet: opset).types
    return types.contains(type) ? MathExample(self, type) : nil
  }

  private init(_ example: MathExample, _ type: ElementType) {
    node = example.node
    opset = example.opset
    inputs = example.inputs.map { $0?.elementType == .float32 ? $0?.converted(to: type) : $0 }
    outputs = example.outputs.map { $0.elementType == .float32 ? $0.converted(to: type) : $0 }
  }
}

@Suite struct MathTableTests {
  @Test(arguments: MathExample.all)
  func givesWhatTheReferenceGives(_ example: MathExample) throws {
    let results = try checkOperator(example.node, example.inputs, opset: example.opset)
    for (result, expected) in zip(results, example.outputs) {
      if TypeSet([.floats, .bfloat16]).contains(expected.elementType) {
        #expect(result?.isNear(to: expected, 1e-5) == true, "\(result?.reals ?? [])")
      } else {
        #expect(result == expected)
      }
    }
  }

  /// What a type of another precision gives is what float32 gives, up to its rounding.
  @Test(arguments: MathExample.all)
  func agreesBetweenTypes(_ example: MathExample) throws {
    let unlike: Set = [
      "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "RandomUniformLike",
      "Bernoulli", "CastLike", "Dropout", "MelWeightMatrix",
    ]
    if unlike.contains(example.node.operatorType) { return }
    for (type, tolerance) in [
      (ElementType.float64, 1e-5), (.float16, 0.02), (.bfloat16, 0.1),
    ] {
      guard let example = try example.converted(to: type) else { continue }
      let results = try checkOperator(example.node, example.inputs, opset: example.opset)
      for (result, expected) in zip(results, example.outputs)
      where TypeSet([.floats, .bfloat16]).contains(expected.elementType) {
        #expect(result?.elementType == expected.elementType)
        #expect(
          result?.isNear(to: expected, tolerance) == true,
          "\(type): \(result?.reals ?? []) for \(expected.reals)")
      }
    }
  }
}
