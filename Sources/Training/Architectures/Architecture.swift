import ONNXFormat
import ONNXInterpreter

/// A kind of model, described by its sizes, whose parameters can begin anywhere.
///
/// Inputs and outputs are what a user of the trained model has in hand; losses and labels are added
/// by what trains it.
public protocol Architecture: Sendable {
  /// What `onnx-train new` calls it, and the graph's name.
  static var name: String { get }
  /// Adds inputs, layers and outputs.
  func build(_ m: inout ModelBuilder) throws(ModelError)
}

extension Architecture {
  /// The model, with parameters drawn from the seed.
  public func model(
    seed: UInt64 = 0, elementType: ElementType = .float32, metadata: [MetadataEntry] = []
  ) throws(ModelError) -> Model {
    var m = ModelBuilder(seed: seed, elementType: elementType)
    try build(&m)
    return try m.model(name: Self.name, metadata: metadata)
  }
}
