import ArgumentParser
import ONNX

/// A way to run a case.
enum CaseVariant: String, CaseIterable, Sendable {
  /// Node by node, as the file has them, every value that a node makes held against what was
  /// inferred of it.
  case plain
  /// As any model is run.
  case optimized
  /// Written and read again.
  case saved
  /// Without the shapes that the file states.
  case dynamic

  /// The variants that a word stands for.
  static func parse(_ text: String) throws -> [CaseVariant] {
    if text == "all" { return allCases }
    guard let variant = CaseVariant(rawValue: text) else {
      let names = allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--runner: expected \(names) or all, got '\(text)'")
    }
    return [variant]
  }

  /// The model as this variant has it.
  func model(contentsOf path: String) throws(FormatError) -> Model {
    var model = try Model(contentsOf: path)
    switch self {
    case .plain, .optimized: break
    case .saved: model = try Model(serialized: try model.serialized())
    case .dynamic: model.graph.eraseShapes(keepsRanks: false)
    }
    return model
  }

  /// The passes that its sessions run.
  var passes: [any Pass] { self == .plain ? [] : Passes.standard }
}

extension Graph {
  /// Takes away what is stated of shapes, in subgraphs too; all but initializers state none then.
  mutating func eraseShapes(keepsRanks: Bool) {
    func erase(_ infos: inout [ValueInfo]) {
      for index in infos.indices {
        infos[index].type = infos[index].type?.withoutShapes(keepsRanks: keepsRanks)
      }
    }
    erase(&inputs)
    erase(&outputs)
    erase(&valueInfos)
    for node in nodes.indices {
      for attribute in nodes[node].attributes.indices {
        guard case .graph(var graph) = nodes[node].attributes[attribute].value else { continue }
        graph.eraseShapes(keepsRanks: keepsRanks)
        nodes[node].attributes[attribute].value = .graph(graph)
      }
    }
  }
}

extension ValueType {
  /// The type without the sizes of tensors, or even their ranks.
  fileprivate func withoutShapes(keepsRanks: Bool) -> ValueType {
    func erased(_ type: TensorType) -> TensorType {
      let rank = keepsRanks ? type.shape.map { Shape(rank: $0.rank) } : nil
      return TensorType(type.elementType, rank)
    }
    func erased(_ type: ValueType?) -> ValueType? { type?.withoutShapes(keepsRanks: keepsRanks) }
    return switch kind {
    case .tensor(let type): ValueType(.tensor(erased(type)))
    case .sparseTensor(let type): ValueType(.sparseTensor(erased(type)))
    case .sequence(let element): ValueType(.sequence(erased(element)))
    case .optional(let element): ValueType(.optional(erased(element)))
    case .map(let key, let value): ValueType(.map(key: key, value: erased(value)))
    case .undefined, .opaque: self
    }
  }
}
