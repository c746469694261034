import ONNXFormat

/// The outcome for weights that no place takes.
extension Binder {
  /// Keys of a checkpoint under which training keeps its state.
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
        rule = "only training needs it"
      } else if !entry.elementType.isFloatingPoint {
        rule = "a constant of the module"
      } else if first != entry.name, Self.trainingParts.contains(first) {
        rule = "training state"
      } else if options.prefix != nil, !entry.name.hasPrefix(table.prefix) {
        rule = "outside the prefix"
      } else if let twin = try twin(of: index, among: bound) {
        rule = "equal to \(twin.quoted)"
      } else {
        state = .unused
        rule = "no place in the graph takes it"
      }
      report.rows.append(
        BindingReport.Row(
          state: state, to: "", from: [entry.name], rule: rule, shape: entry.shape))
    }
  }

  func byShape(_ indices: Set<Int>) -> [[Int]: [Int]] {
    Dictionary(grouping: indices.sorted()) { table.entry($0).shape }
  }

  /// The name of a bound weight with the same elements, as tied weights have.
  /// - Throws: `ConversionError` where a tensor cannot be read
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
