import ONNXFormat
import ONNXOperators

/// A kernel that formats the numbers of input 0 as strings.
func textKernel(_ source: ElementType, _ count: Int) -> Kernel? {
  switch source {
  case .bool: textKernel(count) { (x: UInt8) in x == 0 ? "False" : "True" }
  case .float64: textKernel(count) { (x: Double) in NumberText.text(x) }
  case .float32: textKernel(count) { (x: Float) in NumberText.text(x) }
  case .float16: textKernel(count) { (x: Float16) in NumberText.text(x) }
  case .uint64: textKernel(count) { (x: UInt64) in x.description }
  case _ where TypeSet.smallFloats.contains(source):
    wideTextKernel(source, .float32, count) { (x: Float) in NumberText.text(x) }
  case .int64: textKernel(count) { (x: Int64) in x.description }
  default: wideTextKernel(source, .int64, count) { (x: Int64) in x.description }
  }
}

private func textKernel<X>(_ count: Int, _ text: @escaping @Sendable (X) -> String) -> Kernel {
  elementKernel(count, cost: 100) { (x: UnsafePointer<X>, y: UnsafeMutablePointer<String>, count) in
    for i in 0..<count { y[i] = text(x[i]) }
  }
}

private func wideTextKernel<X>(
  _ source: ElementType, _ wide: ElementType, _ count: Int,
  _ text: @escaping @Sendable (X) -> String
) -> Kernel? {
  guard let conversion = ElementConversion(from: source, to: wide) else { return nil }
  let stride = source.stride
  return elementKernel(count, cost: 100) {
    (x: UnsafePointer<UInt8>, y: UnsafeMutablePointer<String>, count) in
    withUnsafeTemporaryAllocation(of: X.self, capacity: 1) { value in
      guard let value = value.baseAddress else { return }
      for i in 0..<count {
        conversion(x + i * stride, value, 1)
        y[i] = text(value[0])
      }
    }
  }
}

/// A kernel that parses the strings of input 0 as numbers.
func parsingKernel(
  _ target: ElementType, _ count: Int, _ rules: ElementConversion.Rules
) -> Kernel? {
  let isWhole = [.int64, .uint64].contains(target)
  let wide: ElementType = isWhole ? target : .float64
  let conversion = ElementConversion(from: wide, to: target, rules)
  guard conversion != nil || target == wide else { return nil }
  return .compute { buffers throws(OperatorError) in
    let x = buffers.input(0, as: String.self)
    let y = buffers.output(0, as: UInt8.self)
    for i in 0..<count {
      var bits: UInt64
      if isWhole, let value = Int64(x[i]) {
        bits = UInt64(bitPattern: value)
      } else if isWhole, let value = UInt64(x[i]) {
        bits = value
      } else if let value = NumberText.double(x[i]) {
        bits = value.bitPattern
        if isWhole { bits = UInt64(bitPattern: Int64(truncating: value)) }
      } else {
        throw .input(0, "'\(x[i].prefix(40))' at index \(i) is not a number")
      }
      let place = UnsafeMutableRawPointer(y + i * target.stride)
      if let conversion {
        withUnsafeBytes(of: &bits) { bytes in
          if let base = bytes.baseAddress { conversion(base, place, 1) }
        }
      } else {
        place.storeBytes(of: bits, as: UInt64.self)
      }
    }
  }
}

extension TypeSet {
  /// The floating-point types that are converted by way of float32.
  static let smallFloats: TypeSet = [
    .bfloat16, .float8s, .scale8, .float4, .float6s,
  ]
}
