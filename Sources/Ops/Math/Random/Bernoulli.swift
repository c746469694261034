import ONNXFormat
import ONNXOperators

/// 1 with the probability given by the input's element, else 0.
struct Bernoulli: FlatOperator {
  static let schema = Schema("Bernoulli", [15: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)
  private let type: ElementType?
  private let seed: RandomSeed

  init(_ node: inout NodeReader) throws(OperatorError) {
    type = try node.optionalElementType("dtype")
    seed = try RandomSeed(&node)
    let types: TypeSet = [.floats, .bfloat16, .integers, .bool]
    if let type, !types.contains(type) {
      throw .attribute("dtype", "expected one of \(types), got \(type)")
    }
  }

  var isPure: Bool { seed.isFixed }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0, [.floats, .bfloat16])
    return [.tensor(type ?? input.elementType, input.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let inputType = try call.elementType(0)
    let type = type ?? inputType
    return .produce { call throws(OperatorError) in
      let input = try call.tensor(0)
      var generator = seed.generator(call)
      let probabilities = try input.doubles(call)
      // NumPy's algorithm for a binomial draw with one trial.
      let output = try numberTensor(call, type, input.shape) { index -> Double in
        let p = probabilities[index]
        let number = generator.uniform()
        return (p <= 0.5 ? number > 1 - p : number <= p) ? 1 : 0
      }
      return [.tensor(output)]
    }
  }
}

extension Bernoulli {
  static var versionSteps: [VersionStep] {
    [
      .introduced(15) { change throws(OperatorError) in
        let x = try change.input(0)
        let type = try change.elementType(0)
        let noise = change.emit(
          "RandomUniformLike", [x],
          [.int("dtype", Int(type.rawValue))] + change.node.attributes.filter { $0.name == "seed" })
        let isLess = change.emit("Less", [noise, x])
        let wanted = try change.int("dtype").flatMap { ElementType(rawValue: Int32(clamping: $0)) }
        change.become("Cast", [isLess], [change.castTarget(wanted ?? type)])
      }
    ]
  }
}
