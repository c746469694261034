import CKernels
import ONNXFormat

/// `y = table[x]` for 8-bit integers: any function of one number between two quantised tensors.
///
/// The inputs are x and the table, uint8 `[256]`, which has the bits of the result for the bits of each x.
/// The attribute `to` is the type of the result, int8 or uint8.
package struct ByteTable: Operator {
  package static let schema = Schema(
    "ByteTable", domain: Registry.privateDomain, [1: [.int8, .uint8]], inputs: 2...2)
  private let result: ElementType

  package init(_ node: inout NodeReader) throws(OperatorError) {
    result = try node.optionalElementType("to") ?? .uint8
    guard result == .uint8 || result == .int8 else {
      throw .attribute("to", "expected uint8 or int8, got \(result)")
    }
  }

  /// The node that looks up the values of `x`.
  package static func node(
    _ x: String, table: String, to type: ElementType, output: String
  ) -> Node {
    var node = Node(
      schema.name, domain: schema.domain, name: output, inputs: [x, table], outputs: [output],
      attributes: [.int("to", Int(type.rawValue))])
    node.operatorSetVersion = 1
    return node
  }

  package var overwritableInputs: [Int] { [0] }

  package func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0, [.int8, .uint8])
    if let sizes = try inputs.tensor(1, .uint8).shape?.sizes, sizes != [256] {
      throw .input(1, "expected shape [256], got \(Shape(sizes))")
    }
    return [.tensor(result, x.shape)]
  }

  package func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let tiles = Tiles(try call.inputCount(0))
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      ck_byte_table(
        buffers.input(0, as: UInt8.self) + range.lowerBound, buffers.input(1, as: UInt8.self),
        buffers.output(0, as: UInt8.self) + range.lowerBound, range.count)
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}
