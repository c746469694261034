import ONNX

/// Reads tensors whose data is in another file.
///
/// The model reader does this with all its checks: it gets a model with that tensor alone.
struct TextExternalData {
  let folder: String?
  let options: ReadingOptions

  func tensor(
    _ type: ElementType, _ shape: [Int], name: String?, _ entries: [MetadataEntry]
  ) throws(ConversionError) -> NamedTensor {
    var tensor: [UInt8] = []
    for size in shape { tensor.append(field: 1, varint: UInt64(bitPattern: Int64(size))) }
    tensor.append(field: 2, varint: UInt64(type.rawValue))
    if let name { tensor.append(field: 8, bytes: Array(name.utf8)) }
    for entry in entries {
      var bytes: [UInt8] = []
      bytes.append(field: 1, bytes: Array(entry.key.utf8))
      bytes.append(field: 2, bytes: Array(entry.value.utf8))
      tensor.append(field: 13, bytes: bytes)
    }
    tensor.append(field: 14, varint: 1)
    var graph: [UInt8] = []
    graph.append(field: 5, bytes: tensor)
    var model: [UInt8] = []
    model.append(field: 7, bytes: graph)
    do {
      let model = try Model(serialized: model, options: options, externalFolder: folder)
      guard let tensor = model.graph.initializers.first else {
        throw ConversionError("the tensor cannot be read")
      }
      return tensor
    } catch { throw ConversionError("\(error)") }
  }
}
