import ONNXFormat
import ONNXInterpreter

/// A model architecture with adjustable sizes.
///
/// Inputs and outputs are those of the trained model. Labels and loss are added by `Trainer`.
package protocol Architecture: Sendable {
  /// The name of the architecture and of its graph.
  var name: ArchitectureName { get }
  /// Adds inputs, layers and outputs.
  func build(_ m: ModelBuilder) throws(ModelError)
}

extension Architecture {
  /// The model with initial parameters drawn from the seed.
  package func model(
    seed: UInt64 = 0, elementType: ElementType = .float32, metadata: [MetadataEntry] = []
  ) throws(ModelError) -> Model {
    let m = ModelBuilder(seed: seed, elementType: elementType)
    try build(m)
    return try m.model(name: name.rawValue, metadata: metadata)
  }

  /// The model without values of its parameters, for its shapes.
  package func outline() throws(ModelError) -> Model {
    let m = ModelBuilder(drawsValues: false)
    try build(m)
    return try m.model(name: name.rawValue)
  }
}
