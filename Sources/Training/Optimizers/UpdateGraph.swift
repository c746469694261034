import ONNXFormat
import ONNXOperators

/// The nodes that compute new parameters from gradients: clipping, the optimiser's formula, and limits
/// to norms.
struct UpdateGraph {
  var builder: GraphBuilder
  /// The inputs of the nodes besides parameters and gradients.
  private(set) var inputs: [ValueInfo] = []
  /// The output that replaces each parameter and state.
  private(set) var carried: [String: String] = [:]
  /// The initial values of the states.
  private(set) var initial: [String: Tensor] = [:]
  /// The value that holds the norm of all gradients before clipping.
  private(set) var norm = ""

  private let options: TrainingOptions
  private let parameters: [(name: String, type: TensorType)]
  private var gradients: [String: String]

  /// - Parameter gradients: The gradient's name by parameter.
  init(
    _ options: TrainingOptions, taken: Set<String>, gradients: [String: String],
    parameters: [(name: String, type: TensorType)]
  ) {
    self.options = options
    self.gradients = gradients
    self.parameters = parameters
    builder = GraphBuilder(taken: taken.union([StepModel.rate, StepModel.time]))
  }

  /// Adds the gradients to those of earlier batches.
  mutating func accumulate() {
    let sums = accumulated()
    for (name, _) in parameters { carried["\(name)/gradient"] = sums[name] }
  }

  /// Adds the nodes of one step.
  mutating func apply() {
    if options.accumulation > 1 {
      let sums = accumulated()
      for (name, _) in parameters {
        gradients[name] = sums[name]
        let input = "\(name)/gradient"
        carried[input] = builder.sub(input, input)
      }
    }
    clip()
    inputs += [
      ValueInfo(StepModel.rate, .tensor(.float64, [])),
      ValueInfo(StepModel.time, .tensor(.float64, [])),
    ]
    let time = builder.add(StepModel.time, builder.scalar(1, .float64))
    carried[StepModel.time] = time
    initial[StepModel.time] = Tensor(0.0 as Double)
    var rates: [ElementType: String] = [:]
    for (name, type) in parameters {
      guard let gradient = gradients[name] else { continue }
      let rate = rates[type.elementType] ?? builder.cast(StepModel.rate, to: type.elementType)
      rates[type.elementType] = rate
      let states = options.optimizer.stateNames.map { "\(name)/\($0)" }
      for state in states { addState(state, type) }
      let result = options.optimizer.update(
        ParameterStep(
          parameter: name, gradient: gradient, states: states, rate: rate, time: time,
          type: type.elementType), &builder)
      carried[name] = limited(result.parameter, name, type)
      for (state, value) in zip(states, result.states) { carried[state] = value }
    }
  }

  private mutating func addState(_ name: String, _ type: TensorType) {
    inputs.append(ValueInfo(name, .tensor(type)))
    initial[name] = zeros(type)
  }

  /// The mean gradients so far: those of earlier batches plus this batch's share.
  private mutating func accumulated() -> [String: String] {
    var sums: [String: String] = [:]
    for (name, type) in parameters {
      guard let gradient = gradients[name] else { continue }
      let input = "\(name)/gradient"
      addState(input, type)
      let share = builder.mul(
        gradient, builder.scalar(1 / Double(options.accumulation), type.elementType))
      sums[name] = builder.add(input, share)
    }
    return sums
  }

  private mutating func clip() {
    if let limit = options.clipValue {
      for (name, type) in parameters {
        guard let gradient = gradients[name] else { continue }
        gradients[name] = builder.node(
          "Clip",
          [
            gradient, builder.scalar(-limit, type.elementType),
            builder.scalar(limit, type.elementType),
          ])
      }
    }
    let squares = parameters.compactMap { name, _ in
      gradients[name].map { gradient in
        builder.cast(
          builder.node("ReduceSumSquare", [gradient], [.int("keepdims", 0)]), to: .float64)
      }
    }
    guard !squares.isEmpty else { return }
    norm = builder.node("Sqrt", [builder.sum(squares)], hint: "gradient_norm")
    guard let limit = options.clipNorm else { return }
    let factor = builder.node(
      "Min",
      [
        builder.div(
          builder.scalar(limit, .float64), builder.add(norm, builder.scalar(1e-6, .float64))),
        builder.scalar(1, .float64),
      ])
    var factors: [ElementType: String] = [:]
    for (name, type) in parameters {
      guard let gradient = gradients[name] else { continue }
      let cast = factors[type.elementType] ?? builder.cast(factor, to: type.elementType)
      factors[type.elementType] = cast
      gradients[name] = builder.mul(gradient, cast)
    }
  }

  /// The new parameter with its vectors scaled down to the limits.
  private mutating func limited(_ value: String, _ name: String, _ type: TensorType) -> String {
    var result = value
    for limit in options.maxNorms where matches(name, pattern: limit.pattern) {
      let rank = type.shape?.rank ?? 0
      guard limit.axis < rank, limit.axis >= -rank else { continue }
      let lengths = builder.node("ReduceL2", [result, builder.integers([limit.axis])])
      let allowed = builder.scalar(limit.limit, type.elementType)
      let longest = builder.node("Max", [lengths, allowed])
      result = builder.mul(result, builder.div(allowed, longest))
    }
    return result
  }
}

/// A tensor of zeros; `nil` if a size is unknown or memory runs out.
func zeros(_ type: TensorType) -> Tensor? {
  type.shape?.sizes.flatMap { try? Tensor(zeroed: type.elementType, shape: $0) }
}
