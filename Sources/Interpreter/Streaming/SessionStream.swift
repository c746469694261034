import ONNXFormat

/// Runs of a session in which some outputs of a run become inputs of the next: the states of a recurrent
/// layer, the cache of an attention.
///
/// The tensors of a state take turns in two places in memory, so nothing is copied. One thread at a time
/// may use a stream; a session may have any number of them.
public final class SessionStream {
  private let session: Session
  private let carried: [String: String]
  private let initial: [String: Tensor]
  private var state: CarriedState

  fileprivate init(_ session: Session, carried: [String: String], initial: [String: Tensor]) {
    self.session = session
    self.carried = carried
    self.initial = initial
    state = CarriedState(initial)
  }

  /// The states that the next run is given, by input name.
  public var states: [String: Tensor] { state.tensors }

  /// Goes back to the states of the start.
  public func reset() { state = CarriedState(initial) }

  /// Runs the session on the next part of the sequence.
  /// - Parameter inputs: the tensors of all inputs that are not states, by name
  /// - Returns: the outputs that are tensors and not states, by name.
  /// - Throws: `ModelError`, as `Session.run(_:)` does; the states then stay as they were.
  public func run(_ inputs: [String: Tensor]) throws(ModelError) -> [String: Tensor] {
    try session.run(inputs, state: state, carried: carried, seed: session.engine.nextSeed())
  }
}

extension Session {
  /// A stream: runs in which states pass from run to run.
  ///
  /// - Parameters:
  ///   - states: for each input that is a state, the output that holds its next value:
  ///     `["h": "h_out"]`
  ///   - initial: the first values of states, by input name. The default is zeros of the declared shape,
  ///     in which a dimension without a fixed size is 1.
  /// - Throws: `ModelError` for a name that the model does not have, for an initial value of another type
  ///   than the input's, and for a state without an initial value whose rank is not declared.
  public func stream(
    states: [String: String], initial: [String: Tensor] = [:]
  ) throws(ModelError) -> SessionStream {
    let infos = inputs + optionalInputs
    for name in (Array(states.keys) + initial.keys).sorted()
    where !infos.contains(where: { $0.name == name }) {
      throw .unknownName(name, nearest: nearest(name, infos.map(\.name)))
    }
    for name in initial.keys.sorted() where states[name] == nil {
      throw .input(name, "it has an initial value, but is not a state")
    }
    let names = outputs.map(\.name)
    for name in states.values.sorted() where !names.contains(name) {
      throw .unknownName(name, nearest: nearest(name, names))
    }
    var first = initial
    for info in infos where states[info.name] != nil && first[info.name] == nil {
      guard let zeros = try zeros(for: info) else {
        throw .input(info.name, "its rank is not declared, so the stream needs an initial value")
      }
      first[info.name] = zeros
    }
    return SessionStream(self, carried: states, initial: first)
  }

  /// Zeros of the declared type, in which a dimension without a fixed size is 1; `nil` for an input without
  /// a declared rank.
  /// - Throws: `ModelError` for a tensor beyond the memory limit
  package func zeros(for info: ValueInfo) throws(ModelError) -> Tensor? {
    guard let type = info.type?.tensorType, let shape = type.shape else { return nil }
    let sizes = shape.map { $0.size ?? 1 }
    guard let zeros = Tensor.zeros(type.elementType, sizes, limit: memoryLimit / 8) else {
      throw .input(info.name, "not enough memory for \(Shape(sizes))")
    }
    return zeros
  }
}

extension Tensor {
  /// Zeros, or empty strings; `nil` for more than `limit` elements or too little memory.
  static func zeros(_ type: ElementType, _ sizes: [Int], limit: Int) -> Tensor? {
    guard let count = sizes.elementCount, count <= limit else { return nil }
    return try? Tensor(zeroed: type, shape: sizes)
  }
}
