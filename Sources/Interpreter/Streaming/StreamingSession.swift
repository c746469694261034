import ONNXFormat
import ONNXOperators

/// Runs a model of whole sequences on sequences that arrive in chunks: the samples of a microphone, the
/// words of a speaker.
///
/// The outputs have the same bits as those of the whole sequence at once, if both use
/// `ConvolutionAlgorithm.sizeInvariant`, the default here. The exceptions are matrix products whose columns
/// are the steps, and sums and softmax along an axis before that of the steps, whose last bit may differ.
///
/// Recurrent layers pass their states from chunk to chunk, and convolutions, pools and the short-time
/// Fourier transform keep the steps that their next windows need. A model with a node that needs steps
/// which come later, such as a bidirectional LSTM, a convolution with padding at the end or attention over
/// the sequence, is refused with an error that names the node.
///
/// One thread at a time may use it.
public final class StreamingSession {
  /// The inputs with steps and the other inputs, as the model declares them.
  public let inputs: [ValueInfo]
  /// The axis of the steps of each input that has steps.
  public let axes: [String: Int]
  /// The number of steps of the inputs that the first outputs need.
  public let firstCount: Int
  /// The number of steps of the inputs from one step of the outputs to the next: 1, or the product of the
  /// strides. If the paces of outputs differ, the number after which all of them have a whole step.
  public let hop: Int
  private let chunked: ChunkedModel
  private let session: Session
  private let stream: SessionStream
  /// Steps that are not run yet, by input.
  private var pending: [String: Tensor] = [:]
  /// The number of steps that have run since the start.
  private var count = 0

  /// Reads a model and checks that it can run in chunks: see `init(_:axes:sizes:options:)`.
  /// - Throws: `ModelError`
  public convenience init(
    contentsOf path: String, axes: [String: Int]? = nil, sizes: [String: Int] = [:],
    options: SessionOptions = StreamingSession.defaultOptions
  ) throws(ModelError) {
    let model: Model
    do { model = try Model(contentsOf: path, options: options.reading) } catch {
      throw .file(error)
    }
    try self.init(model, axes: axes, sizes: sizes, options: options)
  }

  /// Checks that a model can run in chunks, and makes it ready.
  ///
  /// - Parameters:
  ///   - axes: the axis of the steps of each input that has steps, counted from 0, or from the end if negative. By default it is the
  ///     one dimension of an input without a fixed size, apart from one that is called `N` or `batch`.
  ///   - sizes: the sizes of symbolic dimensions other than the steps, by their names. The default is 1.
  ///   - options: the options of the session
  /// - Throws: `ModelError.node` for a node that needs the whole sequence, `.input` where the axis of the
  ///   steps is not clear, and the errors of `Session(_:options:)`.
  public init(
    _ model: Model, axes: [String: Int]? = nil, sizes: [String: Int] = [:],
    options: SessionOptions = StreamingSession.defaultOptions
  ) throws(ModelError) {
    let initializers = Set(model.graph.initializers.compactMap(\.name))
    inputs = model.graph.inputs.filter { !initializers.contains($0.name) }
    self.axes = try Self.axes(axes, of: inputs)
    try Self.check(sizes, among: inputs)
    chunked = try ChunkBuilder.chunked(
      model, axes: self.axes, sizes: sizes, engine: Engine(options))
    firstCount = chunked.firstCount
    hop = chunked.hop
    session = try Session(chunked.model, options: options)
    stream = try session.stream(states: chunked.states, initial: chunked.initial)
  }

  /// The options of a session, with `ConvolutionAlgorithm.sizeInvariant`.
  public static var defaultOptions: SessionOptions {
    var options = SessionOptions()
    options.convolution = .sizeInvariant
    return options
  }

  /// Takes the next steps of a model with one input: see `push(_:)`.
  public func push(_ chunk: Tensor) throws(ModelError) -> [String: Tensor]? {
    guard inputs.count == 1 else {
      throw .graph(
        "the model has \(inputs.count) inputs, "
          + inputs.map(\.name.quoted).joined(separator: ", ") + "; name them")
    }
    return try push([inputs[0].name: chunk])
  }

  /// Takes the next steps of the sequence.
  ///
  /// - Parameter chunk: a tensor for each input. Those with steps have any number of them, all the same;
  ///   the others are as for the whole sequence.
  /// - Returns: the outputs by name: the steps that the sequence so far adds, or the result for the sequence
  ///   so far where an output has no steps. `nil` if there are too few steps for one more; they wait for
  ///   the next chunk.
  /// - Throws: `ModelError` for names, types and shapes that do not fit, and any error of a node. The
  ///   chunk is then dropped, and the stream is as before.
  public func push(_ chunk: [String: Tensor]) throws(ModelError) -> [String: Tensor]? {
    let (joined, steps) = try join(chunk)
    let least = count == 0 ? firstCount : hop
    guard steps >= least else {
      pending = joined
      return nil
    }
    let used = steps - (steps - least) % hop
    return try run(joined, used, of: steps)
  }

  /// Ends the sequence, and starts anew.
  /// - Returns: the steps of outputs that the steps left over give; `nil` if there are none.
  /// - Throws: `ModelError`, as `push(_:)` does; the stream is then at its start.
  public func finish() throws(ModelError) -> [String: Tensor]? {
    defer { reset() }
    guard let name = axes.keys.first, let axis = axes[name], let steps = pending[name]?.shape[axis],
      chunked.outputs.values.contains(where: {
        $0.pace.steps(count + steps) > $0.pace.steps(count)
      })
    else { return nil }
    return try run(pending, steps, of: steps)
  }

  /// Drops the sequence, and starts anew.
  public func reset() {
    stream.reset()
    pending = [:]
    count = 0
  }

  private func run(
    _ chunk: [String: Tensor], _ used: Int, of steps: Int
  ) throws(ModelError) -> [String: Tensor] {
    var (now, later) = (chunk, [String: Tensor]())
    if used < steps {
      for (name, axis) in axes {
        guard let tensor = chunk[name] else { continue }
        now[name] = try tensor.slice(axis, 0..<used)
        later[name] = try tensor.slice(axis, used..<steps)
      }
    }
    let outputs = try stream.run(now)
    pending = later
    count += used
    return outputs
  }

  /// The steps that wait, followed by those of a chunk, and their number.
  private func join(
    _ chunk: [String: Tensor]
  ) throws(ModelError) -> (tensors: [String: Tensor], steps: Int) {
    let names = inputs.map(\.name)
    for name in chunk.keys.sorted() where !names.contains(name) {
      throw .unknownName(name, nearest: nearest(name, names))
    }
    var steps: Int?
    var joined = chunk
    for info in inputs {
      guard let tensor = chunk[info.name] else { throw .missingInput(info.name) }
      guard let axis = axes[info.name] else { continue }
      try check(tensor, info, axis)
      guard steps == nil || steps == tensor.shape[axis] else {
        throw .input(
          info.name,
          "expected \(steps ?? 0) steps, as many as those of the inputs before, got "
            + "\(tensor.shape[axis])")
      }
      steps = tensor.shape[axis]
      if let waiting = pending[info.name] {
        joined[info.name] = try waiting.followed(by: tensor, axis)
      }
    }
    let waiting = axes.first.flatMap { name, axis in pending[name]?.shape[axis] }
    return (joined, (steps ?? 0) + (waiting ?? 0))
  }

  /// Checks that a chunk fits the input, apart from the number of its steps.
  private func check(
    _ tensor: Tensor, _ info: ValueInfo, _ axis: Int
  ) throws(ModelError) {
    var expected = Shape(chunked.sizes[info.name] ?? [])
    expected[axis] = .unknown
    let fits =
      tensor.elementType == info.type?.tensorType?.elementType
      && tensor.shape.count == expected.rank
      && zip(tensor.shape, expected).allSatisfy { $1.size == nil || $1.size == $0 }
    guard fits else {
      let type = TensorType(info.type?.tensorType?.elementType ?? .undefined, expected)
      throw .input(
        info.name,
        "expected \(type), got \(tensor.type); `sizes` of the session sets sizes other than 1 for "
          + "dimensions that have none")
    }
  }

  private static func axes(
    _ given: [String: Int]?, of inputs: [ValueInfo]
  ) throws(ModelError) -> [String: Int] {
    var axes: [String: Int] = [:]
    if let given {
      for name in given.keys.sorted() {
        guard let info = inputs.first(where: { $0.name == name }) else {
          throw .unknownName(name, nearest: nearest(name, inputs.map(\.name)))
        }
        guard let axis = given[name], let shape = info.type?.tensorType?.shape,
          (-shape.rank..<shape.rank).contains(axis)
        else {
          throw .input(
            name,
            "the axis \(given[name] ?? 0) of the steps is out of range for "
              + (info.type?.description ?? "an unknown type"))
        }
        axes[name] = axis < 0 ? axis + shape.rank : axis
      }
    } else {
      for info in inputs {
        guard let shape = info.type?.tensorType?.shape else { continue }
        let free = shape.indices.filter { shape[$0].size == nil && !isBatch(shape[$0]) }
        guard free.count < 2 else {
          throw .input(
            info.name,
            "the axis of the steps must be given: \(free.count) dimensions of \(shape) have no "
              + "fixed size")
        }
        if let axis = free.first { axes[info.name] = axis }
      }
    }
    guard !axes.isEmpty else {
      throw .graph("the axis of the steps must be given: all sizes of the inputs are fixed")
    }
    return axes
  }

  /// Checks that every name is one of a dimension.
  private static func check(
    _ sizes: [String: Int], among inputs: [ValueInfo]
  ) throws(ModelError) {
    let symbols = inputs.flatMap { $0.type?.tensorType?.shape?.dimensions ?? [] }.compactMap {
      if case .symbol(let name) = $0 { name } else { nil }
    }
    for (name, size) in sizes.sorted(by: { $0.key < $1.key }) {
      guard symbols.contains(name) else {
        throw .graph(
          "no dimension of the inputs is called \(name.quoted)"
            + (nearest(name, symbols).map { "; did you mean \($0.quoted)?" } ?? ""))
      }
      guard size > 0 else {
        throw .graph("the size of \(name.quoted) must be positive, got \(size)")
      }
    }
  }

  private static func isBatch(_ dimension: Dimension) -> Bool {
    guard case .symbol(let name) = dimension else { return false }
    return name == "N" || name == "B" || name.lowercased().hasPrefix("batch")
  }
}

extension Tensor {
  /// The elements in a range of one axis.
  fileprivate func slice(_ axis: Int, _ range: Range<Int>) throws(ModelError) -> Tensor {
    func vector(_ value: Int) -> Tensor { Tensor(shape: [1], [Int64(value)]) }
    return try Node("Slice", inputs: ["x", "start", "end", "axis"], outputs: ["y"])
      .tensor([self, vector(range.lowerBound), vector(range.upperBound), vector(axis)])
  }

  /// The elements followed by those of another tensor along one axis.
  fileprivate func followed(by next: Tensor, _ axis: Int) throws(ModelError) -> Tensor {
    try Node("Concat", inputs: ["a", "b"], outputs: ["y"], attributes: [.int("axis", axis)])
      .tensor([self, next])
  }
}

extension Node {
  /// The output of a node on tensors.
  fileprivate func tensor(_ inputs: [Tensor]) throws(ModelError) -> Tensor {
    do throws(OperatorError) {
      guard let result = try evaluate(inputs.map(Value.tensor))[0]?.tensor else {
        throw .output(0, "is not a tensor")
      }
      return result
    } catch { throw .node(name: operatorType, operatorType: operatorType, error) }
  }
}
