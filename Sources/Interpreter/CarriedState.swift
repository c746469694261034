import ONNXFormat
import ONNXOperators
import ONNXOps

/// Tensors that some outputs of a run hand to inputs of the next: parameters and their optimiser's
/// state in training, the hidden state of a language model. Nothing is copied: each has two places
/// in memory, which take turns.
///
/// One thread at a time may use it.
public final class CarriedState {
  private var current: [String: Tensor]
  /// What `current` was before the last run; its memory is what the next run writes to.
  private var previous: [String: Tensor] = [:]

  /// - Parameter tensors: the first values, by input name
  public init(_ tensors: [String: Tensor] = [:]) { current = tensors }

  /// The values that the next run is given, by input name.
  public var tensors: [String: Tensor] { current }

  public subscript(name: String) -> Tensor? {
    get { current[name] }
    set {
      current[name] = newValue
      previous[name] = nil
    }
  }

  /// Takes the last run back, once.
  public func undo() {
    for (name, tensor) in previous { current[name] = tensor }
    previous = [:]
  }

  /// Memory for a new value of that type, which nobody else uses.
  fileprivate func takeSpare(_ name: String, _ type: TensorType?) -> Tensor? {
    guard let spare = previous.removeValue(forKey: name), spare.type == type else { return nil }
    return spare
  }

  fileprivate func replace(_ name: String, with tensor: Tensor) {
    previous[name] = current[name]
    current[name] = tensor
  }
}

extension Session {
  /// Runs the model on tensors and on carried values, which the run replaces.
  ///
  /// - Parameters:
  ///   - inputs: by input name, those of `carried` left out
  ///   - state: where inputs that `inputs` lacks are taken from
  ///   - carried: for each input whose value the run replaces, the output that does
  ///   - seed: where random operators without a seed of their own start
  /// - Returns: the outputs that are tensors and not carried, by name.
  /// - Throws: `ModelError`; the state is then what it was before.
  public func run(
    _ inputs: [String: Tensor], state: CarriedState, carried: [String: String], seed: UInt64,
    profile: Profile? = nil
  ) throws(ModelError) -> [String: Tensor] {
    var values = inputs.mapValues(Value.tensor)
    for info in self.inputs where values[info.name] == nil {
      values[info.name] = state[info.name].map(Value.tensor)
    }
    let (program, arguments) = try match(values)
    values = [:]
    let plan = try program.plans.plan(
      for: program, inputs: arguments.map(\.type), engine: engine)
    var numbers: [String: Int32] = [:]
    for (info, number) in zip(outputs, program.outputs) { numbers[info.name] = number }

    var reused: [(number: Int32, tensor: Tensor)] = []
    for (input, output) in carried {
      guard let number = numbers[output] else {
        throw .unknownName(output, nearest: nearest(output, Array(numbers.keys)))
      }
      if let spare = state.takeSpare(input, plan.types[Int(number)]) {
        reused.append((number, spare))
      }
    }
    let results = try plan.run(
      arguments, reusing: &reused, Run(engine, profile: profile, seed: seed))
    var byName: [String: Tensor] = [:]
    for (info, value) in zip(outputs, results) { byName[info.name] = value.tensor }
    for (input, output) in carried {
      guard let tensor = byName.removeValue(forKey: output) else {
        throw .graph("output '\(output)' is no tensor")
      }
      state.replace(input, with: tensor)
    }
    return byName
  }
}
