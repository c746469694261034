import ONNXFormat
import ONNXOperators

/// Counts the readers of each initializer's memory, which is given back once there are none.
struct ConstantReaders {
  private let ownership: Ownership
  private var counts: [ObjectIdentifier: Int] = [:]

  init(_ program: Program, _ inference: Inference, _ ownership: Ownership) {
    self.ownership = ownership
    let read = program.nodes.flatMap { $0.inputs + $0.subgraphs.flatMap(\.captures) }
    for number in read + program.outputs where number >= 0 {
      guard let tensor = inference.constants[Int(number)]?.tensor, ownership.owns(tensor) else {
        continue
      }
      counts[ObjectIdentifier(tensor.storage), default: 0] += 1
    }
  }

  /// Takes one reader of a tensor away.
  mutating func remove(_ tensor: Tensor?) {
    guard let storage = tensor?.storage, let count = counts[ObjectIdentifier(storage)] else {
      return
    }
    counts[ObjectIdentifier(storage)] = count - 1
    if count == 1 { storage.discardContents() }
  }
}
