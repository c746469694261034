import ONNXFormat

/// Weights that PyTorch computes from others at every run: those of `weight_norm` and
/// `spectral_norm`, in the form of parametrizations and in the older form.
struct ComputedWeights {
  /// A computed weight, and the tensors of the file that it is computed from.
  struct Item {
    let entry: Weights.Entry
    let sources: [Int]
    let rule: String
  }
  private(set) var items: [Item] = []

  /// - Parameter isTransposed: whether a module is a transposed convolution, whose weight counts the
  ///   outputs by its second axis
  init(_ weights: Weights, isTransposed: (String) -> Bool) {
    var indices: [String: Int] = [:]
    for (index, entry) in weights.entries.enumerated() { indices[entry.name] = index }
    var made: Set<String> = []
    for entry in weights.entries {
      for form in Form.all {
        guard let (stem, target) = form.split(entry.name), indices[target] == nil,
          !made.contains(target)
        else { continue }
        let sources = form.parts.compactMap { indices[stem + $0] }
        guard sources.count == form.parts.count else { continue }
        let parts = sources.map { weights.entries[$0] }
        let axis = isTransposed(ModulePath.parent(target)) ? 1 : 0
        guard let read = form.isSpectral ? spectral(parts, axis) : directed(parts) else { continue }
        made.insert(target)
        items.append(
          Item(
            entry: Weights.Entry(target, parts[0].elementType, parts[0].shape, read: read),
            sources: sources, rule: form.isSpectral ? "spectral_norm" : "weight_norm"))
        break
      }
    }
  }

  /// A naming scheme of the parts of a weight.
  private struct Form {
    /// The suffixes of the parts' names, the original weight first.
    let parts: [String]
    let isSpectral: Bool

    static let all = [
      Form(parts: ["_v", "_g"], isSpectral: false),
      Form(parts: [".original1", ".original0"], isSpectral: false),
      Form(parts: ["_orig", "_u", "_v"], isSpectral: true),
      Form(parts: [".original", ".0._u", ".0._v"], isSpectral: true),
    ]

    /// The common prefix of the parts, and the name of the weight; `nil` for another name.
    func split(_ name: String) -> (stem: String, target: String)? {
      guard let end = parts.first, name.hasSuffix(end) else { return nil }
      let stem = String(name.dropLast(end.count))
      guard end.first == "." else { return (stem, stem) }
      let path = ModulePath.parent(stem)
      guard path == "parametrizations" || path.hasSuffix(".parametrizations") else { return nil }
      let leaf = stem.dropFirst(path.count + 1)
      return (stem, ModulePath.join(ModulePath.parent(path), String(leaf)))
    }
  }

  private typealias Read = @Sendable () throws(FormatError) -> Tensor

  /// `g · v / ‖v‖`, with the norm over the axes in which `g` has size 1.
  private func directed(_ parts: [Weights.Entry]) -> Read? {
    let (direction, length) = (parts[0], parts[1])
    let shape = direction.shape
    let sizes = length.shape.isEmpty ? shape.map { _ in 1 } : length.shape
    guard !shape.isEmpty, sizes.count == shape.count, direction.elementType.isFloatingPoint,
      zip(sizes, shape).allSatisfy({ $0 == 1 || $0 == $1 })
    else { return nil }
    return { () throws(FormatError) in
      let v = try direction.tensor().wideElements()
      let g = try length.tensor().wideElements()
      // The index of the element of `g` for each of `v`.
      var owners = [0]
      var stride = g.count
      for (size, own) in zip(shape, sizes) {
        stride /= max(own, 1)
        owners = owners.flatMap { start in (0..<size).map { own == 1 ? start : start + $0 * stride }
        }
      }
      var squares = [Double](repeating: 0, count: g.count)
      for (owner, x) in zip(owners, v) { squares[owner] += x * x }
      let scales = zip(g, squares).map { $0 / $1.squareRoot() }
      return try Tensor(shape: shape, zip(owners, v).map { scales[$0] * $1 })
        .converted(to: direction.elementType)
    }
  }

  /// `W / (u · W v)`, with `W` as a matrix of outputs and everything else.
  private func spectral(_ parts: [Weights.Entry], _ axis: Int) -> Read? {
    let (weight, left, right) = (parts[0], parts[1], parts[2])
    let shape = weight.shape
    /// Whether the vectors match the weight if the rows of the matrix are that axis.
    func fits(_ axis: Int) -> Bool {
      guard axis < shape.count, let count = shape.elementCount, count > 0 else { return false }
      return left.shape == [shape[axis]] && right.shape == [count / shape[axis]]
    }
    guard weight.elementType.isFloatingPoint,
      let axis = ([axis] + shape.indices).first(where: fits)
    else { return nil }
    return { () throws(FormatError) in
      let w = try weight.tensor().wideElements()
      let u = try left.tensor().wideElements()
      let v = try right.tensor().wideElements()
      let inner = shape[(axis + 1)...].reduce(1, *)
      let rows = shape[axis]
      var sum = 0.0
      for (index, x) in w.enumerated() {
        let row = index / inner % rows
        let column = index / (inner * rows) * inner + index % inner
        sum += u[row] * x * v[column]
      }
      return try Tensor(shape: shape, w.map { $0 / sum }).converted(to: weight.elementType)
    }
  }
}

extension Tensor {
  /// The elements of a floating-point tensor in float64.
  func wideElements() throws(FormatError) -> [Double] {
    let wide = try converted(to: .float64)
    return withExtendedLifetime(wide) { Array(wide.elements(as: Double.self)) }
  }
}
