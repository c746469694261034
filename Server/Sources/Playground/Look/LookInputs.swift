import Foundation
import HTTPTypes
import ONNX
import Serving

/// The tensors that a run is given.
struct LookInputs {
  /// The most elements of all inputs.
  private static let mostElements = 1 << 22
  private(set) var tensors: [String: Tensor] = [:]

  /// - Throws: `ServingError` for a shape or numbers that do not fit an input
  init(_ looked: LookedModel, _ request: LookRunRequest) throws(ServingError) {
    let defaults = Set(looked.model.graph.initializers.compactMap(\.name))
    let inputs = looked.model.graph.inputs.filter { !defaults.contains($0.name) }
    let names = Set(inputs.map(\.name))
    for name in request.shapes.keys.sorted() + request.inputs.map(\.name)
    where !names.contains(name) {
      throw ServingError(.badRequest, "the model has no input '\(name.shortened(60))'")
    }
    let given = Dictionary(request.inputs.map { ($0.name, $0) }) { first, _ in first }
    var random = SplitMix(state: request.seed)
    var total = 0
    for input in inputs {
      let label = "input '\(input.name.shortened(60))'"
      guard let type = input.type?.tensorType else {
        throw ServingError(
          .badRequest,
          "\(label) is \(input.type?.description ?? "of no known type"), but a run needs tensors")
      }
      let shape = try Self.shape(type, request.shapes[input.name], label)
      var count = 1
      for size in shape {
        guard size >= 0, size <= Self.mostElements / max(count, 1) else {
          throw ServingError(
            .badRequest, "\(label): \(shape) has more than \(Self.mostElements) elements")
        }
        count *= size
      }
      total += count
      guard total <= Self.mostElements else {
        throw ServingError(
          .badRequest, "the inputs have more than \(Self.mostElements) elements together")
      }
      let numbers: [Float]
      if let given = given[input.name] {
        numbers = try Self.numbers(given, count: count, label)
      } else {
        numbers = Self.numbers(request.fill, type.elementType, count, &random)
      }
      do {
        tensors[input.name] = try Tensor(shape: shape, numbers).cast(to: type.elementType)
      } catch {
        throw ServingError(.badRequest, "\(label) is \(type.elementType), which a run cannot fill")
      }
    }
  }

  /// The shape that the page asks for, or the declared one with a 1 for each open size.
  private static func shape(
    _ type: TensorType, _ asked: [Int]?, _ label: String
  ) throws(ServingError) -> [Int] {
    let declared = type.shape?.dimensions
    guard let asked else { return (declared ?? []).map { $0.size ?? 1 } }
    let fits =
      asked.count <= 16 && asked.allSatisfy { $0 >= 0 }
      && (declared.map { dimensions in
        dimensions.count == asked.count
          && zip(dimensions, asked).allSatisfy { $0.size == nil || $0.size == $1 }
      } ?? true)
    guard fits else {
      throw ServingError(
        .badRequest, "\(label) is \(type.description.shortened()), which \(asked) does not fit")
    }
    return asked
  }

  private static func numbers(
    _ given: LookRunRequest.Input, count: Int, _ label: String
  ) throws(ServingError) -> [Float] {
    guard let data = Data(base64Encoded: given.data), data.count == 4 * count else {
      throw ServingError(
        .badRequest, "\(label): expected \(4 * count) bytes of float32 in base64")
    }
    return data.withUnsafeBytes { bytes in
      (0..<count).map {
        Float(
          bitPattern: UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
  }

  private static func numbers(
    _ fill: LookRunRequest.Fill, _ type: ElementType, _ count: Int, _ random: inout SplitMix
  ) -> [Float] {
    switch fill {
    case .zeros: return [Float](repeating: 0, count: count)
    case .ones: return [Float](repeating: 1, count: count)
    case .random:
      let isReal = [.float32, .float64, .float16, .bfloat16].contains(type)
      return (0..<count).map { _ in
        guard isReal else { return random.next() % 2 == 0 ? 0 : 1 }
        // The sum of four uniform numbers below 65536 is nearly normal.
        let bits = random.next()
        let sum = (0..<4).reduce(0) {
          $0 + Int(truncatingIfNeeded: bits >> (16 * UInt64($1)) & 0xFFFF)
        }
        return (Float(sum) - 131_070) / 37_837
      }
    }
  }
}

/// The generator of Steele, Lea and Flood (2014): the same numbers for a seed everywhere.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
