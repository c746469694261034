import ONNX
import Testing

@Suite struct SmallFloatTests {
  @Test(arguments: smallFloatReferences.indices)
  func everyCodeMeansWhatTheReferenceSays(index: Int) throws {
    let reference = smallFloatReferences[index]
    let floats = reference.floats.split(whereSeparator: \.isWhitespace).map {
      Float(bitPattern: UInt32($0, radix: 16)!)
    }
    func check<T: SmallFloat>(_ type: T.Type) where T.Bits == UInt8 {
      for (code, expected) in floats.enumerated() {
        let value = T(bits: UInt8(code)).float
        #expect(
          value.isNaN && expected.isNaN || value.bitPattern == expected.bitPattern,
          "\(reference.name) \(code)")
      }
    }
    try forType(reference.name, { check($0) }, { check($0) })
  }

  @Test(arguments: smallFloatReferences.indices)
  func everyFloatRoundsAsTheReferenceSays(index: Int) throws {
    let reference = smallFloatReferences[index]
    for (mode, runs) in reference.encoders {
      let words = runs.split(whereSeparator: \.isWhitespace).map { UInt64($0, radix: 16)! }
      let starts = words.map { UInt32($0 >> 8) }
      let codes = words.map { UInt8($0 & 0xFF) }
      for (run, start) in starts.enumerated() {
        let last = run + 1 < starts.count ? starts[run + 1] - 1 : Float.infinity.bitPattern
        for pattern in [start, start + (last - start) / 2, last] {
          let value = Float(bitPattern: pattern)
          #expect(
            try encode(value, reference.name, mode) == codes[run],
            "\(reference.name) \(mode) \(value)")
        }
      }
    }
  }

  @Test func negativeValuesAndNaN() {
    #expect(Float8E4M3FN(-1).bits == 0xB8)
    #expect(Float8E4M3FN(.nan).bits == 0x7F && Float8E4M3FN(-.nan).bits == 0xFF)
    #expect(Float8E4M3FN(-.infinity, saturating: false).bits == 0xFF)
    #expect(Float8E4M3FN(-0.0).bits == 0x80)
    #expect(Float8E4M3FNUZ(-0.0).bits == 0 && Float8E4M3FNUZ(-.nan).bits == 0x80)
    #expect(Float8E4M3FNUZ(-1e-9).bits == 0)
    #expect(Float8E5M2(.nan).bits == 0x7E && Float8E5M2(-.nan).bits == 0xFE)
    #expect(Float8E5M2(-.infinity, saturating: false).bits == 0xFC)
    #expect(Float8E5M2(-.infinity).bits == 0xFB)
    #expect(Float8E5M2FNUZ(-1e9).bits == 0xFF)
    #expect(Float8E5M2FNUZ(-1e9, saturating: false).bits == 0x80)
    #expect(Float4E2M1(.nan).bits == 8 && Float4E2M1(-.nan).bits == 0)
    #expect(Float4E2M1(-100).bits == 0xF)
    #expect(Float6E2M3(-.infinity).bits == 0x3F && Float6E3M2(.nan).bits == 0x20)
    #expect(Float8E8M0(-3).bits == Float8E8M0(3).bits)
  }

  private func forType(
    _ name: String, _ narrow: (any NarrowFloat.Type) -> Void, _ exponent: (Float8E8M0.Type) -> Void
  ) throws {
    switch name {
    case "Float8E4M3FN": narrow(Float8E4M3FN.self)
    case "Float8E4M3FNUZ": narrow(Float8E4M3FNUZ.self)
    case "Float8E5M2": narrow(Float8E5M2.self)
    case "Float8E5M2FNUZ": narrow(Float8E5M2FNUZ.self)
    case "Float4E2M1": narrow(Float4E2M1.self)
    case "Float6E2M3": narrow(Float6E2M3.self)
    case "Float6E3M2": narrow(Float6E3M2.self)
    case "Float8E8M0": exponent(Float8E8M0.self)
    default: Issue.record("unknown type \(name)")
    }
  }

  private func encode(_ value: Float, _ name: String, _ mode: String) throws -> UInt8 {
    var bits: UInt8 = 0
    let saturating = mode.hasSuffix("saturating")
    try forType(
      name, { type in bits = type.init(value, saturating: saturating).bits },
      { type in
        let rounding: Float8E8M0.Rounding =
          mode.hasPrefix("up") ? .up : mode.hasPrefix("down") ? .down : .nearest
        bits = type.init(value, rounding: rounding, saturating: saturating).bits
      })
    return bits
  }
}
