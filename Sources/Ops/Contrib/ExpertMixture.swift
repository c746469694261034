import CKernels
import ONNXFormat
import ONNXOperators

/// A mixture of experts: each token passes through the two layers of the experts chosen for it, whose
/// results are added with the weights of the choice.
struct ExpertMixture: Sendable {
  let routing: ExpertRouting
  let attributes: ExpertAttributes
  let first: ExpertLayer
  let second: ExpertLayer

  /// The places of the parts of the scratch memory, in units of 4 bytes.
  private struct Layout {
    /// The experts of the routes, token by token.
    let choice: Int
    let weights: Int
    /// The routes sorted by expert, and the number of routes before each expert.
    let order: Int
    let starts: Int
    /// The tokens, outputs of the first layer, inputs and outputs of the second, in this order.
    let x: Int
    let hidden: Int
    let active: Int
    let y: Int
    let threads: Int

    init(_ mixture: ExpertMixture, _ routes: Int) {
      var end = 0
      func take(_ counts: Int...) -> Int {
        let start = end
        let size = counts.reduce(1) { Int.work($0, $1) }
        end = .total(end, size.vectors)
        return start
      }
      choice = take(routes)
      weights = take(routes)
      order = take(routes)
      starts = take(mixture.routing.experts + 1)
      x = take(routes, mixture.first.depth)
      hidden = take(routes, mixture.first.rows)
      active = take(routes, mixture.second.depth)
      y = take(routes, mixture.second.rows)
      threads = end
    }
  }

  func kernel(_ call: Preparation) -> Kernel {
    let routes = Int.work(routing.tokens, routing.chosen)
    let layout = Layout(self, routes)
    let perThread = max(first.floats, second.floats, second.depth.vectors)
    let this = self
    @Sendable func floats(_ buffers: Buffers, _ place: Int) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self) + place
    }
    @Sendable func integers(_ buffers: Buffers, _ place: Int) -> UnsafeMutablePointer<Int32> {
      (buffers.scratch + place * 4).assumingMemoryBound(to: Int32.self)
    }
    @Sendable func layer(
      _ layer: ExpertLayer, from source: Int, to target: Int
    ) -> Buffers.Tile {
      { buffers, task, thread in
        let (expert, group) = task.quotientAndRemainder(dividingBy: layer.groups)
        let starts = integers(buffers, layout.starts)
        let start = Int(starts[expert])
        let count = Int(starts[expert + 1]) - start
        guard count > 0 else { return }
        layer.multiply(
          floats(buffers, source) + start * layer.depth, count, expert: expert, group: group,
          buffers, floats(buffers, layout.threads + thread * perThread),
          floats(buffers, target) + start * layer.rows)
      }
    }
    let multiplyFirst = layer(first, from: layout.x, to: layout.hidden)
    let multiplySecond = layer(second, from: layout.active, to: layout.y)
    let tiles = Tiles(routes, cost: .work(second.depth, 8))
    let activate: Buffers.Tile = { buffers, task, thread in
      for row in tiles[task] {
        this.attributes.activate(
          floats(buffers, layout.hidden) + row * this.first.rows,
          floats(buffers, layout.active) + row * this.second.depth,
          floats(buffers, layout.threads + thread * perThread), this.second.depth)
      }
    }
    let experts = routing.experts
    let scratch = Int.work(.total(layout.threads, .work(perThread, call.threads)), 4)
    return .compute(scratch: scratch) { buffers in
      this.sort(
        buffers, integers(buffers, layout.choice), floats(buffers, layout.weights),
        integers(buffers, layout.order), integers(buffers, layout.starts),
        floats(buffers, layout.x))
      buffers.parallel(experts * this.first.groups, multiplyFirst)
      buffers.parallel(tiles.count, activate)
      buffers.parallel(experts * this.second.groups, multiplySecond)
      this.add(
        buffers, floats(buffers, layout.weights), integers(buffers, layout.order),
        floats(buffers, layout.y), routes)
    }
  }

  /// Chooses experts, sorts the routes by expert, and copies the tokens in this order.
  private func sort(
    _ buffers: Buffers, _ choice: UnsafeMutablePointer<Int32>,
    _ weights: UnsafeMutablePointer<Float>, _ order: UnsafeMutablePointer<Int32>,
    _ starts: UnsafeMutablePointer<Int32>, _ x: UnsafeMutablePointer<Float>
  ) {
    let chosen = routing.chosen
    for token in 0..<routing.tokens {
      routing.route(token, buffers, choice + token * chosen, weights + token * chosen)
    }
    let routes = routing.tokens * chosen
    var next = 0
    for expert in 0..<routing.experts {
      starts[expert] = Int32(truncatingIfNeeded: next)
      for route in 0..<routes where choice[route] == Int32(truncatingIfNeeded: expert) {
        order[next] = Int32(truncatingIfNeeded: route)
        let token = buffers.input(0, as: Float.self) + route / chosen * first.depth
        (x + next * first.depth).update(from: token, count: first.depth)
        next += 1
      }
    }
    starts[routing.experts] = Int32(truncatingIfNeeded: next)
  }

  /// Adds the results of the routes to their tokens, expert by expert.
  private func add(
    _ buffers: Buffers, _ weights: UnsafePointer<Float>, _ order: UnsafePointer<Int32>,
    _ results: UnsafePointer<Float>, _ routes: Int
  ) {
    let size = second.rows
    let y = buffers.output(0, as: Float.self)
    y.update(repeating: 0, count: routing.tokens * size)
    for place in 0..<routes {
      let route = Int(order[place])
      let target = y + route / routing.chosen * size
      let result = results + place * size
      for i in 0..<size { target[i] += weights[route] * result[i] }
    }
  }
}

extension ExpertMixture {
  /// The sizes of a mixture.
  struct Sizes {
    let tokens: Int
    let hidden: Int
    let experts: Int
  }

  /// Checks the tokens, input 0, and the logits, input 1.
  /// - Returns: `nil` if a size is not known
  static func sizes(
    _ inputs: Inputs, _ attributes: ExpertAttributes
  ) throws(OperatorError) -> Sizes? {
    _ = try inputs.tensor(1, sameTypeAs: 0)
    if let shape = try inputs.tensor(0).shape, !(2...3 ~= shape.rank) {
      throw .input(0, "expected rank 2 or 3, got shape \(shape)")
    }
    if let shape = try inputs.shape(1, rank: 2), let experts = shape[1].size,
      experts < attributes.chosen
    {
      throw .attribute("k", "\(attributes.chosen) of \(experts) experts cannot be chosen")
    }
    guard let x = try inputs.tensor(0).shape?.sizes, let logits = try inputs.tensor(1).shape?.sizes,
      let hidden = x.last, hidden > 0
    else { return nil }
    let tokens = x.dropLast().elementCount ?? 0
    guard logits[0] == tokens else {
      throw .input(1, "expected a row for each of \(tokens) tokens, got shape \(Shape(logits))")
    }
    return Sizes(tokens: tokens, hidden: hidden, experts: logits[1])
  }
}

extension Preparation {
  /// - Throws: `OperatorError.invalid` if the sizes of a mixture of experts are not known
  func mixtureSizes(
    _ attributes: ExpertAttributes
  ) throws(OperatorError) -> ExpertMixture.Sizes {
    guard let sizes = try ExpertMixture.sizes(inputs, attributes) else {
      throw .input(0, "expected a last axis of at least one element")
    }
    guard Int.work(sizes.tokens, attributes.chosen) < Int(Int32.max) else {
      throw .unsupported("\(sizes.tokens) tokens of a mixture of experts")
    }
    return sizes
  }
}
