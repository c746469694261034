import Synchronization

/// The time spent in each node of the runs that it is passed to.
public final class Profile: Sendable {
  /// One execution of one node.
  public struct Event: Sendable {
    /// The node's name, or `#` and its position.
    public let name: String
    /// The node's operator.
    public let operatorType: String
    /// The names of the values that the node takes and makes; an empty name for one left out.
    package let inputs: [String]
    package let outputs: [String]
    /// The time from the profile's creation to the node's start.
    public let start: Duration
    /// The time that the node took.
    public let duration: Duration
  }

  private let began = ContinuousClock.now
  private let recorded = Mutex<[Event]>([])

  /// A profile without events.
  public init() {}

  /// All executions so far, in the order in which they ended.
  public var events: [Event] { recorded.withLock { $0 } }

  func record(
    _ node: Program.Node, in program: Program, from start: ContinuousClock.Instant
  ) {
    let end = ContinuousClock.now
    func names(_ numbers: [Int32]) -> [String] {
      numbers.map { $0 < 0 ? "" : program.names[Int($0)] }
    }
    let event = Event(
      name: node.name, operatorType: node.operatorType, inputs: names(node.inputs),
      outputs: names(node.outputs), start: start - began, duration: end - start)
    recorded.withLock { $0.append(event) }
  }

  private let planned = Mutex(Duration.zero)

  /// The time that the runs took to plan: to choose kernels and to place values, once for each shape of
  /// the inputs.
  public var planning: Duration { planned.withLock { $0 } }

  func recordPlanning(from start: ContinuousClock.Instant) {
    let duration = ContinuousClock.now - start
    planned.withLock { $0 += duration }
  }

  /// The events as a Chrome trace (`chrome://tracing`, Perfetto): a JSON array of complete events.
  public var chromeTrace: String {
    let lines = events.map { event in
      let start = event.start / .microseconds(1)
      let length = event.duration / .microseconds(1)
      return """
        {"name":\(event.name.asJSON),"cat":\(event.operatorType.asJSON),\
        "ph":"X","pid":1,"tid":1,"ts":\(start),"dur":\(length)}
        """
    }
    return "[\n" + lines.joined(separator: ",\n") + "\n]\n"
  }
}
