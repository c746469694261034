import ONNX
import ONNXConversion
import ToolSupport

/// Inputs of noise with which a model runs: sizes for its free dimensions and contents for its integer
/// inputs are found by trial.
struct TrialInputs {
  /// The inputs of each run, by name; empty if no trial succeeded.
  private(set) var samples: [[String: Value]] = []
  /// The error of the first trial, if none succeeded.
  private(set) var problem: String?

  private let inputs: [ValueInfo]
  private let bounds: [String: Int]
  private let memoryLimit: Int

  /// The contents of integer and boolean inputs.
  private enum Contents {
    /// Indices for those that look up rows of a constant, ones for masks and lengths, zeros for others.
    case byUse
    /// 1 for the inputs whose bits are set, 0 for others.
    case bits(Int)
  }

  /// The trials end after this time.
  private static let limit = Duration.seconds(20)

  /// - Throws: `ModelError` for an invalid model
  init(_ model: Model) throws {
    var options = SessionOptions()
    options.timeLimit = Self.limit
    let session = try Session(model, options: options)
    inputs = session.inputs
    memoryLimit = session.memoryLimit
    bounds = Self.bounds(model)
    let isFree = inputs.contains { input in
      input.type?.tensorType?.shape?.contains { $0.size == nil } == true
    }
    let others = inputs.count {
      $0.type?.tensorType.map { !$0.elementType.isReal && $0.elementType != .string } == true
    }
    let start = ContinuousClock.now
    for (contents, size, isBatch) in Self.trials(isFree: isFree, integers: others) {
      do {
        let made = try make(contents, size: size, isBatch: isBatch, count: 4)
        let outputs = try session.run(values: made[0])
        // Outputs without elements compare nothing, but are better than no run.
        let isEmpty = outputs.values.contains { $0.tensor?.count == 0 }
        if samples.isEmpty || !isEmpty { (samples, problem) = (made, nil) }
        guard isEmpty, ContinuousClock.now - start < Self.limit else { return }
      } catch {
        if problem == nil, samples.isEmpty { problem = "\(error)" }
        guard ContinuousClock.now - start < Self.limit else { return }
      }
    }
  }

  /// What is tried, in order.
  private static func trials(
    isFree: Bool, integers: Int
  ) -> [(contents: Contents, size: Int, isBatch: Bool)] {
    let sizes =
      isFree
      ? [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 512, 640]
      : [1]
    var trials = sizes.map { (contents: Contents.byUse, size: $0, isBatch: false) }
    if isFree { trials += [2, 4, 8, 16].map { (.byUse, $0, true) } }
    guard integers > 0 else { return trials }
    let bits = min(integers, 6)
    let few = isFree ? [1, 4, 32, 224] : [1]
    for set in [0, 1 << bits - 1] + Array(1..<max(1 << bits - 1, 1)) {
      trials += few.map { (.bits(set), $0, false) }
    }
    return trials
  }

  /// Inputs of several runs.
  /// - Parameters:
  ///   - size: the size of free dimensions
  ///   - isBatch: whether a free first dimension of several has that size too, rather than 1
  private func make(
    _ contents: Contents, size: Int, isBatch: Bool, count: Int
  ) throws -> [[String: Value]] {
    var symbols: [String: Int] = [:]
    var requested: [String: [Int]] = [:]
    for input in inputs {
      guard let shape = input.type?.tensorType?.shape else { continue }
      requested[input.name] = shape.enumerated().map { axis, dimension in
        let own = axis == 0 && shape.rank > 1 && !isBatch ? 1 : size
        switch dimension {
        case .size(let size): return size
        case .unknown: return own
        case .symbol(let name):
          symbols[name] = symbols[name] ?? own
          return symbols[name] ?? own
        }
      }
    }
    let shapes = try InputShapes(inputs, requested: requested)
    return try (0..<count).map { seed in
      var filler = InputFiller(seed: UInt64(seed), memoryLimit: memoryLimit)
      var random = RandomStream(seed: UInt64(seed), 1)
      var sample: [String: Value] = [:]
      var place = 0
      for input in inputs {
        sample[input.name] = try filler.value(for: input, shapes: shapes)
        guard let tensor = sample[input.name]?.tensor, !tensor.elementType.isReal,
          tensor.elementType != .string
        else { continue }
        let numbers = numbers(contents, input.name, place, tensor.count, &random)
        sample[input.name] = .tensor(tensor.filled(numbers))
        place += 1
      }
      return sample
    }
  }

  private func numbers(
    _ contents: Contents, _ name: String, _ place: Int, _ count: Int, _ random: inout RandomStream
  ) -> [Int] {
    switch contents {
    case .bits(let set):
      return Array(repeating: set >> min(place, 5) & 1, count: count)
    case .byUse:
      if let bound = bounds[name], bound > 0 {
        return (0..<count).map { _ in random.integer(below: bound) }
      }
      let lower = name.lowercased()
      let isOne = lower.contains("mask") || lower.contains("len")
      return Array(repeating: isOne ? 1 : 0, count: count)
    }
  }

  /// The number of rows that each index input may choose from, where it is constant.
  private static func bounds(_ model: Model) -> [String: Int] {
    var rows: [String: Int] = [:]
    for initializer in model.graph.initializers {
      if let name = initializer.name { rows[name] = initializer.tensor.shape.first }
    }
    var bounds: [String: Int] = [:]
    for node in model.graph.nodes where node.operatorType == "Gather" && node.inputs.count == 2 {
      guard let count = rows[node.inputs[0]],
        case .int(0) = node.attribute("axis")?.value ?? .int(0)
      else { continue }
      bounds[node.inputs[1]] = min(count, bounds[node.inputs[1]] ?? count)
    }
    return bounds
  }
}

extension ElementType {
  /// Whether the noise for the type is not zeros.
  fileprivate var isReal: Bool {
    [.float32, .float64, .float16, .bfloat16].contains(self)
  }
}

extension Tensor {
  /// The tensor with these elements, for the types that inputs have most; itself for others.
  fileprivate func filled(_ numbers: [Int]) -> Tensor {
    switch elementType {
    case .int64: Tensor(shape: shape, numbers.map(Int64.init))
    case .int32: Tensor(shape: shape, numbers.map { Int32(clamping: $0) })
    case .int16: Tensor(shape: shape, numbers.map { Int16(clamping: $0) })
    case .int8: Tensor(shape: shape, numbers.map { Int8(clamping: $0) })
    case .uint8: Tensor(shape: shape, numbers.map { UInt8(clamping: $0) })
    case .bool: Tensor(shape: shape, numbers.map { $0 != 0 })
    default: self
    }
  }
}
