import ONNXExplain
import ONNXFormat
import ToolSupport

/// The sizes of a model's layers as tables.
struct SizeListing {
  let sizes: LayerSizes

  func lines(columns: Int) -> [String] {
    guard !sizes.layers.isEmpty else { return ["no convolutions, pools or fully connected layers"] }
    let tables = [windows, formulas, fields, overlaps].filter { !$0.isEmpty }
      .map { $0.lines(columns: columns) }
    return Array(tables.joined(separator: [""]))
  }

  /// A row for each layer with its window and the sizes of its maps.
  private var windows: Table {
    var table = Table([
      "layer": .left, "operator": .left, "kernel": .right, "stride": .right, "padding": .right,
      "dilation": .right, "input": .right, "output": .right,
    ])
    for layer in sizes.layers {
      let axes = layer.windows
      table.append([
        layer.name.escaped, layer.operatorType.escaped, short(axes.map { "\($0.kernel)" }),
        short(axes.map { "\($0.stride)" }),
        short(axes.map { $0.before == $0.after ? "\($0.before)" : "\($0.before)+\($0.after)" }),
        short(axes.map { "\($0.dilation)" }), maps(layer.input), maps(layer.output),
      ])
    }
    return table
  }

  /// A row for each layer with windows: the size of its output by the formula.
  private var formulas: Table {
    var table = Table(["layer": .left, "size of the output": .left])
    for layer in sizes.layers where !layer.windows.isEmpty {
      let formulas = layer.windows.map(\.formula)
      table.append([layer.name.escaped, same(formulas) ?? formulas.joined(separator: ", ")])
    }
    return table
  }

  /// A row for each layer with its receptive field and its numbers of parameters.
  private var fields: Table {
    var table = Table([
      "layer": .left, "receptive": .right, "jump": .right, "centre": .right,
      "parameters": .right, "not shared": .right, "fully connected": .right,
    ])
    var (parameters, unshared, dense) = (0, 0, 0)
    for layer in sizes.layers {
      table.append([
        layer.name.escaped, layer.field.map { short($0.map { number($0.size) }) } ?? "all",
        short((layer.field ?? []).map { number($0.jump) }),
        short((layer.field ?? []).map { number($0.center) }),
        layer.isPool ? "" : "\(layer.parameters)", layer.unshared.map(String.init) ?? "",
        layer.dense.map(String.init) ?? "",
      ])
      parameters = total(parameters, layer.parameters)
      unshared = total(unshared, layer.unshared ?? layer.parameters)
      dense = total(dense, layer.dense ?? layer.parameters)
    }
    table.append(["total", "", "", "", "\(parameters)", "\(unshared)", "\(dense)"])
    return table
  }

  /// A row for each pool with the overlap of its windows.
  private var overlaps: Table {
    var table = Table([
      "pool": .left, "window": .right, "stride": .right, "overlap": .right,
      "cells in more than one window": .right,
    ])
    for layer in sizes.layers where layer.isPool && !layer.windows.isEmpty {
      let axes = layer.windows
      table.append([
        layer.name.escaped, short(axes.map { "\($0.kernel)" }), short(axes.map { "\($0.stride)" }),
        short(axes.map { "\(max(0, $0.kernel - $0.stride))" }),
        axes.sharedCells.map { fixed(100 * $0, 1) + " %" } ?? "",
      ])
    }
    return table
  }

  private func total(_ a: Int, _ b: Int) -> Int { a.addingReportingOverflow(b).partialValue }

  private func same(_ texts: [String]) -> String? {
    guard let first = texts.first else { return "" }
    return texts.allSatisfy { $0 == first } ? first : nil
  }

  /// A text that holds for all axes, or one for each: `3`, `3×5`.
  private func short(_ texts: [String]) -> String { same(texts) ?? texts.joined(separator: "×") }

  private func number(_ value: Double) -> String {
    value == value.rounded() ? fixed(value, 0) : fixed(value, 2)
  }

  /// Channels and sizes of the first example: `6@28×28`.
  private func maps(_ shape: [Int]) -> String {
    let sizes = shape.dropFirst().map(String.init)
    guard sizes.count > 1, let first = sizes.first else { return sizes.joined() }
    return "\(first)@\(sizes.dropFirst().joined(separator: "×"))"
  }
}
