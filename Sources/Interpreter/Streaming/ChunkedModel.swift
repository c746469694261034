import ONNXFormat
import ONNXOperators

/// A model of a whole sequence as a model of chunks of it, which has states as further inputs and
/// outputs.
struct ChunkedModel {
  var model: Model
  /// For each input that is a state, the output that holds its next value.
  var states: [String: String] = [:]
  /// The states before the first step.
  var initial: [String: Tensor] = [:]
  /// The steps of each output, and the axis along which they lie; `nil` for an output of the last step.
  var outputs: [String: (pace: SequencePace, axis: Int?)] = [:]
  /// The sizes of the inputs with steps; those of the steps have no meaning.
  var sizes: [String: [Int]] = [:]
  /// The number of steps of the inputs that the first chunk must have.
  var firstCount = 1
  /// The numbers of steps of all later chunks are multiples of this.
  var hop = 1
}

/// The steps of a value in units of the steps of the model's inputs.
struct SequencePace: Equatable {
  /// The number of input steps from one step to the next.
  var stride = 1
  /// The number of input steps from which the first step is made.
  var extent = 1
  /// The number of steps behind those that a chunk gives, which the end of the sequence decides.
  var tail = 0

  /// The number of steps that `count` input steps give.
  func steps(_ count: Int) -> Int { count < extent ? 0 : (count - extent) / stride + 1 }
}
