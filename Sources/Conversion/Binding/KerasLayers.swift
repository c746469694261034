import ONNX

/// A layer of a Keras file: its variables by their names.
struct KerasLayer {
  typealias Variable = (name: String, entry: Weights.Entry)
  private(set) var variables: [Variable] = []
  private(set) var backward: [Variable] = []
  let kind: String

  init(kind: String) { self.kind = kind }

  mutating func add(_ name: KerasName, _ entry: Weights.Entry) {
    if name.isBackward {
      backward.append((name.variable, entry))
    } else {
      variables.append((name.variable, entry))
    }
  }

  /// The variables with the names of PyTorch's parameters and in their layouts: convolutions
  /// `[outputs, inputs, height, width]`, matrices `[outputs, inputs]`, gates in PyTorch's order.
  /// - Parameter path: the name of the module
  func parameters(_ path: String) -> [Weights.Entry] {
    let named = Self.named(variables, kind)
    if named["recurrent_kernel"] != nil {
      return Self.recurrent(named, path, kind, suffix: "")
        + Self.recurrent(Self.named(backward, kind), path, kind, suffix: "_reverse")
    }
    let isDepthwise = kind.hasPrefix("depthwise")
    return variables.map { variable in
      let name = Self.name(of: variable, in: variables, kind)
      let (leaf, form) = Self.form(
        name, variable.entry.shape, kind, isDepthwise: isDepthwise,
        isSeparable: named["pointwise_kernel"] != nil)
      return variable.entry.inForm(form, named: ModulePath.join(path, leaf))
    }
  }

  /// Whether a GRU applies the reset gate before the recurrent weights: its biases are one row then.
  /// `nil` for other layers, and without biases.
  var resetsBefore: Bool? {
    let named = Self.named(variables, kind)
    guard let state = named["recurrent_kernel"]?.shape, state.count == 2, state[1] == 3 * state[0]
    else { return nil }
    return named["bias"].map { $0.shape.count == 1 }
  }

  // MARK: Names

  private static func named(_ variables: [Variable], _ kind: String) -> [String: Weights.Entry] {
    Dictionary(
      variables.map { (name(of: $0, in: variables, kind), $0.entry) }, uniquingKeysWith: { $1 })
  }

  /// The name of a variable, which Keras 3 writes as a number.
  private static func name(
    of variable: Variable, in variables: [Variable], _ kind: String
  ) -> String {
    guard let index = Int(variable.name) else {
      // Keras 2 calls the kernel of a depthwise convolution so.
      return variable.name
    }
    let ranks = variables.map(\.entry.shape.count)
    let names: [String]
    if kind.hasPrefix("separable_conv") {
      names = ["depthwise_kernel", "pointwise_kernel", "bias"]
    } else if kind == "embedding" {
      names = ["embeddings"]
    } else if kind == "p_re_lu" {
      names = ["alpha"]
    } else if ["lstm", "gru", "simple_rnn"].contains(kind)
      || ranks.starts(with: [2, 2]) && variables[1].entry.shape[1] == variables[0].entry.shape[1]
    {
      names = ["kernel", "recurrent_kernel", "bias"]
    } else if kind.hasSuffix("normalization") || ranks.allSatisfy({ $0 == 1 }) {
      // Without a scale or an offset, the moving statistics remain. A single vector before them
      // is the offset: few turn that off.
      let statistics = ["moving_mean", "moving_variance"]
      let isBatch = kind == "batch_normalization" || ranks.count > 2
      switch (ranks.count, isBatch) {
      case (2, true): names = statistics
      case (3, _): names = ["beta"] + statistics
      default: names = ["gamma", "beta"] + statistics
      }
    } else {
      names = ["kernel", "bias"]
    }
    return index < names.count ? names[index] : variable.name
  }

  // MARK: Layouts

  /// The parameter of a variable, and the way to its layout.
  private static func form(
    _ name: String, _ shape: [Int], _ kind: String, isDepthwise: Bool, isSeparable: Bool
  ) -> (leaf: String, form: KerasForm) {
    let rank = shape.count
    switch name {
    case "gamma", "embeddings", "alpha": return ("weight", .same)
    case "beta", "bias": return ("bias", .same)
    case "moving_mean": return ("running_mean", .same)
    case "moving_variance": return ("running_var", .same)
    case "depthwise_kernel" where rank > 2:
      return (isSeparable ? "depthwise_weight" : "weight", .depthwise)
    case "kernel" where isDepthwise && rank > 2: return ("weight", .depthwise)
    case "pointwise_kernel" where rank > 2: return ("pointwise_weight", .convolution)
    case "kernel" where rank == 2: return ("weight", .convolution)
    case "kernel" where rank > 2 && !kind.hasPrefix("einsum"): return ("weight", .convolution)
    case "kernel": return ("weight", .same)
    default: return (name, .same)
    }
  }

  /// The weights of one direction of an RNN, LSTM or GRU.
  private static func recurrent(
    _ named: [String: Weights.Entry], _ path: String, _ kind: String, suffix: String
  ) -> [Weights.Entry] {
    guard let kernel = named["kernel"], let state = named["recurrent_kernel"],
      let columns = state.shape.last, let units = state.shape.first, units > 0
    else { return [] }
    // PyTorch's LSTM has Keras' order i f c o; its GRU has r z n where Keras has z r h.
    let order = columns / units == 3 ? [1, 0, 2] : Array(0..<max(1, columns / units))
    func leaf(_ name: String) -> String { ModulePath.join(path, "\(name)_l0\(suffix)") }
    var entries = [
      kernel.inForm(.gates(order), named: leaf("weight_ih")),
      state.inForm(.gates(order), named: leaf("weight_hh")),
    ]
    guard let bias = named["bias"] else { return entries }
    // With reset_after a GRU has two rows; otherwise the second bias is 0.
    entries.append(bias.inForm(.gateBias(order, row: 0), named: leaf("bias_ih")))
    entries.append(bias.inForm(.gateBias(order, row: 1), named: leaf("bias_hh")))
    return entries
  }
}

/// The way from Keras' layout of a variable to PyTorch's.
enum KerasForm {
  case same
  /// The last two dimensions, inputs and outputs, come first, in the other order.
  case convolution
  /// `[…, channels, multiplier]` to `[channels · multiplier, 1, …]`.
  case depthwise
  /// The transpose, with the blocks of rows in a new order.
  case gates([Int])
  /// A row of the biases, its blocks in a new order; zeros where there is no such row.
  case gateBias([Int], row: Int)

  func shape(_ shape: [Int]) -> [Int] {
    let outer = Array(shape.dropLast(2))
    switch self {
    case .same: return shape
    case .convolution, .gates: return shape.suffix(2).reversed() + outer
    case .depthwise: return [shape.suffix(2).reduce(1, &*), 1] + outer
    case .gateBias: return shape.suffix(1)
    }
  }

  func apply(_ tensor: Tensor) throws(FormatError) -> Tensor {
    let rank = tensor.shape.count
    switch self {
    case .same: return tensor
    case .convolution:
      return try tensor.permuted([rank - 1, rank - 2] + Array(0..<rank - 2))
    case .depthwise:
      return try tensor.permuted([rank - 2, rank - 1] + Array(0..<rank - 2))
        .shaped(shape(tensor.shape))
    case .gates(let order):
      let turned = try tensor.transposedMatrix()
      return try Tensor.stacked([turned], order: order, shape: turned.shape)
    case .gateBias(let order, let row):
      let target = shape(tensor.shape)
      guard rank == 2 || row == 0 else {
        let zeros = try Tensor.allocate(tensor.elementType, target)
        zeros.storage.pointer.initializeMemory(
          as: UInt8.self, repeating: 0, count: zeros.storage.byteCount)
        return zeros
      }
      let part = rank == 2 ? try tensor.rows(row..<row + 1).shaped(target) : tensor
      return try Tensor.stacked([part], order: order, shape: target)
    }
  }
}

extension Weights.Entry {
  fileprivate func inForm(_ form: KerasForm, named name: String) -> Weights.Entry {
    let source = self
    return Weights.Entry(name, elementType, form.shape(shape)) { () throws(FormatError) in
      try form.apply(source.tensor())
    }
  }
}

extension Tensor {
  /// The tensor with its dimensions in another order.
  fileprivate func permuted(_ axes: [Int]) throws(FormatError) -> Tensor {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let result = try Tensor.allocate(elementType, axes.map { shape[$0] })
    withExtendedLifetime(self) {
      result.gather(storage.pointer, strides: axes.map { strides[$0] })
    }
    return result
  }
}
