import ONNXFormat

/// What becomes of weights that no place asks for.
extension Binder {
  /// Parts of a checkpoint that only training needs.
  private static let trainingParts: Set<String> = [
    "optimizer", "optimizers", "optim", "opt", "optimizer_state_dict", "optimizer_state",
    "optimizer_states", "optim_state_dict", "scheduler", "schedulers", "scheduler_state_dict",
    "lr_scheduler", "lr_schedulers", "scaler", "grad_scaler", "amp", "rng_state",
    "cuda_rng_state", "torch_rng_state", "random_state", "loops", "callbacks", "epoch", "loss",
  ]

  mutating func listUnused() throws(ConversionError) {
    let bound = byShape(table.claimed)
    for index in table.unclaimed {
      let entry = table.entry(index)
      var state = BindingReport.State.ignored
      var rule: String
      let first = entry.name.split(separator: ".").first.map(String.init) ?? ""
      if entry.name == "num_batches_tracked" || entry.name.hasSuffix(".num_batches_tracked") {
        rule = "needed in training only"
      } else if !entry.elementType.isFloatingPoint {
        rule = "a constant of its module"
      } else if first != entry.name, Self.trainingParts.contains(first) {
        rule = "state of a training"
      } else if options.prefix != nil, !entry.name.hasPrefix(table.prefix) {
        rule = "outside of the prefix"
      } else if let twin = try twin(of: index, among: bound) {
        rule = "the same as \(twin.quoted)"
      } else {
        state = .unused
        rule = "no place in the graph"
      }
      report.rows.append(
        BindingReport.Row(
          state: state, to: "", from: [entry.name], rule: rule, shape: entry.shape))
    }
  }

  func byShape(_ indices: Set<Int>) -> [[Int]: [Int]] {
    Dictionary(grouping: indices.sorted()) { table.entry($0).shape }
  }

  /// A bound weight of the same numbers, as tied weights have.
  func twin(
    of index: Int, among bound: [[Int]: [Int]]
  ) throws(ConversionError) -> String? {
    let entry = table.entry(index)
    let candidates = (bound[entry.shape] ?? []).filter {
      table.entry($0).elementType == entry.elementType
    }
    guard !candidates.isEmpty else { return nil }
    do throws(FormatError) {
      let tensor = try entry.tensor()
      for candidate in candidates.prefix(64) where try table.entry(candidate).tensor() == tensor {
        return table.entry(candidate).name
      }
    } catch { throw ConversionError("\(error)") }
    return nil
  }
}
