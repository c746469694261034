import ONNXFormat
import ONNXOperators

/// Tensors that outputs of one run pass to inputs of the next: parameters and optimiser state in
/// training, the hidden state of a language model. Each has two places in memory that take turns, so
/// that nothing is copied.
///
/// One thread at a time may use it.
public final class CarriedState {
  private var current: [String: Tensor]
  /// The tensors before the last run, whose memory the next run writes to.
  private var previous: [String: Tensor] = [:]

  /// A state that begins with these tensors, by input name.
  public init(_ tensors: [String: Tensor] = [:]) { current = tensors }

  /// The tensors that the next run is given, by input name.
  public var tensors: [String: Tensor] { current }

  /// The tensor of an input; `nil` for one that is not carried.
  public subscript(name: String) -> Tensor? {
    get { current[name] }
    set {
      current[name] = newValue
      previous[name] = nil
    }
  }

  /// Restores the tensors as they were before the last run. A second call changes nothing.
  public func undo() {
    for (name, tensor) in previous { current[name] = tensor }
    previous = [:]
  }

  /// Unused memory for a new tensor of that type; `nil` where there is none.
  fileprivate func takeSpare(_ name: String, _ type: Plan.Memory?) -> Tensor? {
    guard let spare = previous.removeValue(forKey: name), type?.fits(spare) == true else {
      return nil
    }
    return spare
  }

  fileprivate func replace(_ name: String, with tensor: Tensor) {
    previous[name] = current[name]
    current[name] = tensor
  }
}

extension Session {
  /// Runs the model on tensors and on carried tensors, which the run replaces.
  ///
  /// - Parameters:
  ///   - inputs: the tensors that are not carried, by input name
  ///   - state: the tensors of all other inputs
  ///   - carried: for each input whose tensor the run replaces, the output that replaces it
  ///   - seed: the seed of random operators that have none of their own
  ///   - profile: records the time of each node
  /// - Returns: the outputs that are tensors and not carried, by name.
  /// - Throws: `ModelError`; the state then stays as it was.
  public func run(
    _ inputs: [String: Tensor], state: CarriedState, carried: [String: String], seed: UInt64,
    profile: Profile? = nil
  ) throws(ModelError) -> [String: Tensor] {
    var values = inputs.mapValues(Value.tensor)
    try check(carried.keys.sorted(), among: (self.inputs + optionalInputs).map(\.name))
    for info in self.inputs where values[info.name] == nil {
      values[info.name] = state[info.name].map(Value.tensor)
    }
    let (program, arguments) = try match(values)
    values = [:]
    let plan = try program.plans.plan(
      for: program, inputs: arguments, engine: engine)
    var numbers: [String: Int32] = [:]
    for (info, number) in zip(outputs, plan.program.outputs) { numbers[info.name] = number }

    let given = Set(plan.program.inputs)
    var reused: [(number: Int32, tensor: Tensor)] = []
    for (input, output) in carried {
      guard let number = numbers[output] else {
        throw .unknownName(output, nearest: nearest(output, Array(numbers.keys)))
      }
      // An output that is an input or a constant needs no memory.
      if !given.contains(number), plan.constants[Int(number)] == nil,
        let spare = state.takeSpare(input, plan.types[Int(number)])
      {
        reused.append((number, spare))
      }
    }
    let run = Run(engine, profile: profile, seed: seed)
    let results: [Value]
    if run.hasDeadline {
      let spare = reused
      results = try engine.limited { () throws(ModelError) in
        var reused = spare
        return try plan.run(arguments, reusing: &reused, run)
      }
    } else {
      results = try plan.run(arguments, reusing: &reused, run)
    }
    var byName: [String: Tensor] = [:]
    for (info, value) in zip(outputs, results) { byName[info.name] = value.tensor }
    for (input, output) in carried {
      guard let tensor = byName.removeValue(forKey: output) else {
        throw .graph("output '\(output)' is not a tensor")
      }
      state.replace(input, with: tensor)
    }
    return byName
  }
}
