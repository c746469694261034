import ONNX

/// A type of elements in GGUF files: numbers, or blocks of quantised ones, which become float32.
struct GGMLType: Sendable {
  /// Computes the elements of a block.
  typealias Decode = @Sendable (UnsafeRawPointer, UnsafeMutablePointer<Float>) -> Void

  let name: String
  /// The type of the tensor that is read.
  let elementType: ElementType
  /// The elements and the bytes of a block.
  private let count: Int
  private let bytes: Int
  /// `nil` for numbers that are copied.
  private let decode: Decode?

  private init(_ name: String, _ type: ElementType) {
    (self.name, elementType, count, bytes) = (name, type, 1, type.stride)
    decode = nil
  }

  private init(_ name: String, _ count: Int, _ bytes: Int, _ decode: @escaping Decode) {
    (self.name, elementType, self.count, self.bytes) = (name, .float32, count, bytes)
    self.decode = decode
  }

  /// The types by their numbers.
  private static let known: [UInt64: GGMLType] = [
    0: .init("F32", .float32), 1: .init("F16", .float16), 24: .init("I8", .int8),
    25: .init("I16", .int16), 26: .init("I32", .int32), 27: .init("I64", .int64),
    28: .init("F64", .float64), 30: .init("BF16", .bfloat16),
    2: .init("Q4_0", 32, 18, GGMLBlock.q4_0), 3: .init("Q4_1", 32, 20, GGMLBlock.q4_1),
    6: .init("Q5_0", 32, 22, GGMLBlock.q5_0), 7: .init("Q5_1", 32, 24, GGMLBlock.q5_1),
    8: .init("Q8_0", 32, 34, GGMLBlock.q8_0), 10: .init("Q2_K", 256, 84, GGMLBlock.q2_K),
    11: .init("Q3_K", 256, 110, GGMLBlock.q3_K), 12: .init("Q4_K", 256, 144, GGMLBlock.q4_K),
    13: .init("Q5_K", 256, 176, GGMLBlock.q5_K), 14: .init("Q6_K", 256, 210, GGMLBlock.q6_K),
    20: .init("IQ4_NL", 32, 18, GGMLBlock.iq4_NL), 23: .init("IQ4_XS", 256, 136, GGMLBlock.iq4_XS),
    34: .init("TQ1_0", 256, 54, GGMLBlock.tq1_0), 35: .init("TQ2_0", 256, 66, GGMLBlock.tq2_0),
    39: .init("MXFP4", 32, 17, GGMLBlock.mxfp4), 40: .init("NVFP4", 64, 36, GGMLBlock.nvfp4),
  ]

  /// Types that are recognised but not read: those that look blocks up in tables of their own, and
  /// those that only products use.
  private static let others: [UInt64: String] = [
    4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 29: "IQ1_M", 31: "Q4_0_4_4", 32: "Q4_0_4_8",
    33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 41: "Q1_0",
  ]

  /// - Throws: `FormatError` that names the type
  init(_ number: UInt64) throws(FormatError) {
    guard let type = Self.known[number] else {
      throw FormatError(
        .unsupported(
          "GGUF's type \(Self.others[number] ?? "\(number)"); llama-quantize --allow-requantize "
            + "converts the file to F16 or Q8_0"))
    }
    self = type
  }

  /// The bytes of a tensor in the file; `nil` where its rows are not whole blocks.
  func byteCount(_ shape: [Int]) -> Int? {
    guard let elements = shape.elementCount, (shape.last ?? 1) % count == 0 else { return nil }
    let (size, overflow) = (elements / count).multipliedReportingOverflow(by: bytes)
    return overflow ? nil : size
  }

  /// Reads a tensor, about a megabyte at a time if it is quantised.
  /// - Throws: `FormatError` where reading fails
  func tensor(
    _ shape: [Int], in file: InputFile, at range: Range<Int>
  ) throws(FormatError) -> Tensor {
    guard let decode else { return try Tensor(elementType, shape, in: file, at: range) }
    let result = try Tensor.allocate(.float32, shape)
    let blocks = range.count / bytes
    let most = max(1, (1 << 20) / bytes)
    let piece = try Tensor.allocate(.uint8, [min(blocks, most) * bytes])
    let source = piece.storage.pointer
    var target = result.storage.pointer.assumingMemoryBound(to: Float.self)
    for first in stride(from: 0, to: blocks, by: most) {
      let number = min(most, blocks - first)
      try file.read(number * bytes, at: range.lowerBound + first * bytes, into: source)
      for block in 0..<number {
        decode(UnsafeRawPointer(source + block * bytes), target)
        target += count
      }
    }
    return withExtendedLifetime(piece) { result }
  }
}
