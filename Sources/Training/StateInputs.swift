import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// The state inputs of a recurrent model, whose shapes may depend on the batch.
struct StateInputs {
  private let inputs: [ValueInfo]
  private let names: Set<String>

  init(_ model: Model, _ options: TrainingOptions) {
    inputs = model.graph.inputs
    names = Set(options.states.keys)
  }

  /// Resets the states to zero where a text begins or the batch size changes.
  func start(_ batch: Batch, _ state: CarriedState) throws(TrainingError) {
    guard !names.isEmpty else { return }
    var sizes: [String: Int] = [:]
    for info in inputs {
      guard let shape = info.type?.tensorType?.shape, let tensor = batch.tensors[info.name] else {
        continue
      }
      for (dimension, size) in zip(shape, tensor.shape) {
        if case .symbol(let name) = dimension { sizes[name] = size }
      }
    }
    for info in inputs where names.contains(info.name) {
      guard let type = info.type?.tensorType, let shape = type.shape else {
        throw .model("state '\(info.name)': the model does not declare its shape")
      }
      var wanted: [Int] = []
      for dimension in shape {
        switch dimension {
        case .size(let size): wanted.append(size)
        case .symbol(let name) where sizes[name] != nil: wanted.append(sizes[name] ?? 0)
        default:
          throw .model("state '\(info.name)': no input of the batch determines size \(dimension)")
        }
      }
      if batch.startsState || state[info.name]?.shape != wanted {
        state[info.name] = zeros(TensorType(type.elementType, wanted))
      }
    }
  }
}
