import ONNXFormat
import ONNXOperators

/// A graph attribute and the types of the values it captures.
struct Subgraph: SubgraphRunner {
  let program: Program
  let engine: Engine
  let plans: PlanCache
  let captureTypes: [ValueType?]
  /// The contents of captured values that are the same in each run.
  let captureConstants: [Value?]
  /// The place of its first captured value among those of the node's call.
  let firstCapture: Int
  let lenient: Bool
  let steps: InferenceSteps

  var inputCount: Int { program.inputs.count }
  var outputCount: Int { program.outputs.count }

  func infer(_ inputs: [ValueType?]) throws(OperatorError) -> [ValueType] {
    guard inputs.count == inputCount else {
      throw .subgraph("the subgraph takes \(inputCount) inputs, got \(inputs.count)")
    }
    guard steps.take(program.nodes.count) else {
      return program.outputs.map { _ in ValueType(.undefined) }
    }
    do {
      let inference = try Inference(
        program, inputs: inputs, captures: captureTypes,
        captureConstants: captureConstants, engine: engine, lenient: lenient, steps: steps)
      return program.outputs.map { inference.types[Int($0)] ?? ValueType(.undefined) }
    } catch {
      if lenient { return program.outputs.map { _ in ValueType(.undefined) } }
      throw .subgraph(error.description)
    }
  }

  func run(_ inputs: [Value], _ call: borrowing Call) throws(OperatorError) -> [Value] {
    guard inputs.count == inputCount else {
      throw .subgraph("the subgraph takes \(inputCount) inputs, got \(inputs.count)")
    }
    let captures = call.captures[firstCapture..<firstCapture + program.captures.count]
    guard let run = call.context as? Run else {
      throw .subgraph("the call belongs to another interpreter")
    }
    do {
      let plan = try plans.plan(
        for: program, inputs: inputs, captures: captures, captureConstants: captureConstants,
        engine: engine)
      return try plan.run(inputs, captures: captures, run)
    } catch {
      switch error {
      case .deadline(let limit), .node(_, _, .deadline(let limit)): throw .deadline(limit: limit)
      default: throw .subgraph(error.description)
      }
    }
  }
}
