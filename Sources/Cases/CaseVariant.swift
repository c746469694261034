import ONNXFormat
import ONNXInterpreter

/// A way to run a case.
package enum CaseVariant: String, CaseIterable, Sendable {
  /// Without graph passes, and with every intermediate value checked against its inferred type.
  case plain
  /// With all graph passes, as models are usually run.
  case optimized
  /// After writing the model and reading it back.
  case saved
  /// Without the shapes that the file declares.
  case dynamic

  /// Reads the model of a case for this variant.
  func model(
    contentsOf path: String, _ reading: ReadingOptions
  ) throws(FormatError) -> Model {
    var model = try Model(contentsOf: path, options: reading)
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
  /// Removes the declared shapes of all values, including those of subgraphs.
  /// - Parameter keepsRanks: whether shapes keep their ranks and lose only their sizes
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
  /// The type without the sizes of its tensors, and without their ranks unless `keepsRanks`.
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
