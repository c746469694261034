import ONNXFormat
import ONNXOperators

/// The bits of the elements, reinterpreted as another type of the same width. A bool is `true` for any
/// bits but 0, and is stored as 1.
struct BitCast: Operator {
  static let schema = Schema(
    "BitCast", [26: .castableBits], inputs: 1...1)
  private let target: ElementType

  init(_ node: inout NodeReader) throws(OperatorError) {
    guard let type = try node.optionalElementType("to") else {
      throw .attribute("to", "is missing")
    }
    guard TypeSet.castableBits.contains(type) else {
      throw .attribute("to", "expected one of \(TypeSet.castableBits), got \(type)")
    }
    target = type
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0, .castableBits)
    guard input.elementType.bitsInFile == target.bitsInFile else {
      throw .input(0, "expected an element type as wide as \(target), got \(input.elementType)")
    }
    return [.tensor(target, input.shape)]
  }

  var overwritableInputs: [Int] { [0] }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0) * target.stride
    let bits = target.bitsInFile ?? 8
    let isBool = target == .bool
    let isSigned = [.int4, .int2].contains(target)
    return elementKernel(count) {
      (x: UnsafePointer<UInt8>, y: UnsafeMutablePointer<UInt8>, count) in
      if isBool {
        for i in 0..<count { y[i] = x[i] == 0 ? 0 : 1 }
        return
      }
      if bits >= 8 { return y.update(from: x, count: count) }
      // Elements smaller than a byte are stored in its low bits; integers are sign-extended.
      let shift = UInt8(8 - bits)
      for i in 0..<count {
        let top = x[i] << shift
        y[i] =
          isSigned ? UInt8(bitPattern: Int8(bitPattern: top) >> Int8(shift)) : top >> shift
      }
    }
  }
}

extension TypeSet {
  fileprivate static let castableBits: TypeSet = [
    .castable, .complex, .bfloat16, .float8s, .int4s, .int2s, .float4, .scale8,
  ]
}
