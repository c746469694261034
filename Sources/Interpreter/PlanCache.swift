import ONNXFormat
import Synchronization

/// Plans for the types seen last, the oldest thrown away first.
final class PlanCache: Sendable {
  private struct Key: Hashable {
    let inputs: [ValueType?]
    let captures: [ValueType?]
  }
  private let limit: Int
  private let entries = Mutex<(plans: [Key: Plan], order: [Key])>(([:], []))
  /// The plan of a program that owns its constants, which can be made but once.
  private let only = Mutex<Result<Plan, ModelError>?>(nil)

  init(limit: Int) { self.limit = max(1, limit) }

  func plan(
    for program: Program, inputs: [ValueType?], captures: [ValueType?] = [], engine: Engine
  ) throws(ModelError) -> Plan {
    if program.ownsConstants {
      let result = only.withLock { only in
        let result =
          only
          ?? Result { () throws(ModelError) in
            try Planner.plan(program, inputs: inputs, captures: captures, engine: engine)
          }
        only = result
        return result
      }
      return try result.get()
    }
    let key = Key(inputs: inputs, captures: captures)
    if let plan = entries.withLock({ $0.plans[key] }) { return plan }
    let plan = try Planner.plan(program, inputs: inputs, captures: captures, engine: engine)
    entries.withLock { entries in
      if entries.plans.updateValue(plan, forKey: key) == nil { entries.order.append(key) }
      if entries.order.count > limit { entries.plans[entries.order.removeFirst()] = nil }
    }
    return plan
  }
}
