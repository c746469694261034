import ONNXFormat
import ONNXOperators
import Synchronization

/// The plans of a program by the types of its inputs. Beyond the limit the oldest is dropped.
final class PlanCache: Sendable {
  private struct Key: Hashable {
    let inputs: [ValueType?]
    let captures: [ValueType?]
  }
  private let limit: Int
  private let entries = Mutex<(plans: [Key: Plan], order: [Key], last: Plan?)>(([:], [], nil))
  /// The only plan of a program that owns its constants: making it may give their memory back.
  private let only = Mutex<Result<Plan, ModelError>?>(nil)

  init(limit: Int) { self.limit = max(1, limit) }

  /// The plan for values of the types of these, made where there is none.
  /// - Parameters:
  ///   - captures: the captured values
  ///   - captureConstants: those that are the same whenever this cache is asked
  func plan(
    for program: Program, inputs: [Value], captures: ArraySlice<Value?> = [],
    captureConstants: [Value?] = [], engine: Engine
  ) throws(ModelError) -> Plan {
    if program.ownership == nil, let last = entries.withLock({ $0.last }),
      last.fits(inputs, captures: captures)
    {
      return last
    }
    return try plan(
      for: program, inputs: inputs.map(\.type), captures: captures.map { $0?.type },
      captureConstants: captureConstants, engine: engine)
  }

  private func plan(
    for program: Program, inputs: [ValueType?], captures: [ValueType?],
    captureConstants: [Value?], engine: Engine
  ) throws(ModelError) -> Plan {
    if program.ownership != nil {
      let result = only.withLock { only in
        let result =
          only
          ?? Result { () throws(ModelError) in
            try Planner.plan(program, inputs: inputs, captures: captures, engine: engine)
          }
        // A plan that could not be finished in time is tried again by the next run.
        if case .failure = result, Deadline.isPassed { return result }
        only = result
        return result
      }
      return try result.get()
    }
    let key = Key(inputs: inputs, captures: captures)
    let known = entries.withLock { entries in
      if let plan = entries.plans[key] { entries.last = plan }
      return entries.plans[key]
    }
    if let known { return known }
    let plan = try Planner.plan(
      program, inputs: inputs, captures: captures, captureConstants: captureConstants,
      engine: engine)
    entries.withLock { entries in
      entries.last = plan
      if entries.plans.updateValue(plan, forKey: key) == nil { entries.order.append(key) }
      if entries.order.count > limit { entries.plans[entries.order.removeFirst()] = nil }
    }
    return plan
  }
}
