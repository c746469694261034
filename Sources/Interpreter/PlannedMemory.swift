import ONNXFormat
import ONNXOperators

/// The places of values in memory.
extension Planner {
  struct Lifetimes {
    /// The last step that uses a value; −1 for none, `Int32.max` for outputs.
    var lastUse: [Int32]
    /// Whether a value cannot lie in the arena, since it outlives the run or others may keep it.
    var onHeap: [Bool]
    /// Whether a step makes the value.
    var isMade: [Bool]
  }

  func lifetimes() -> Lifetimes {
    let count = program.names.count
    var result = Lifetimes(
      lastUse: Array(repeating: -1, count: count), onHeap: Array(repeating: false, count: count),
      isMade: Array(repeating: false, count: count))
    for (position, entry) in actions.enumerated() {
      let node = program.nodes[entry.node]
      let isCompute = entry.action.isCompute
      for number in uses(node) where number >= 0 {
        result.lastUse[Int(number)] = Int32(position)
        if !isCompute { result.onHeap[Int(number)] = true }
      }
      for number in node.outputs where number >= 0 {
        result.isMade[Int(number)] = true
        if !isCompute || inference.types[Int(number)]?.tensorType?.elementType == .string {
          result.onHeap[Int(number)] = true
        }
      }
    }
    for number in program.outputs {
      result.onHeap[Int(root(number))] = true
      result.lastUse[Int(root(number))] = .max
    }
    return result
  }

  /// Decides which values lie inside others, and which copies cuts and joins still need.
  mutating func place(_ lifetimes: Lifetimes) throws(ModelError) -> Placement {
    var placement = Placement(count: program.names.count)
    func isPlaced(_ number: Int32) -> Bool {
      lifetimes.isMade[Int(number)] && !lifetimes.onHeap[Int(number)]
    }
    for (position, entry) in actions.enumerated() {
      guard case .parts(let whole, let offsets, let otherwise) = entry.action else { continue }
      let outputs = zip(program.nodes[entry.node].outputs, offsets).filter { $0.0 >= 0 }
      guard isPlaced(whole), outputs.allSatisfy({ isPlaced($0.0) && Arena.isAligned($0.1) }) else {
        log?.note(entry.node, "copied")
        actions[position].action = .run(.compute(otherwise))
        continue
      }
      log?.note(entry.node, "parts of the input's memory")
      for (number, offset) in outputs { placement.put(number, in: whole, at: offset) }
      actions[position].action = .nothing
    }
    // From the last, so that values joined step by step lie in the longest one from the start.
    for (position, entry) in actions.enumerated().reversed() {
      guard case .join(let copying) = entry.action else { continue }
      let node = program.nodes[entry.node]
      let (output, inputs) = (node.outputs[0], node.inputs.map(root))
      var parts: [(number: Int32, bytes: Int)] = []
      for (input, number) in zip(inputs, node.inputs) { parts.append((input, try bytes(number))) }
      if isPlaced(output), placement.find(output, in: parts) {
        log?.note(entry.node, "the inputs lie side by side")
        actions[position].action = .nothing
        continue
      }
      var copied: [Int] = []
      var offset = 0
      for (index, part) in parts.enumerated() {
        if isPlaced(output), isPlaced(part.number), placement.isAlone(part.number),
          Arena.isAligned(offset), try bytes(part.number) == part.bytes,
          placement.place(output).block != part.number
        {
          placement.put(part.number, in: output, at: offset)
        } else {
          copied.append(index)
        }
        offset += part.bytes
      }
      log?.note(entry.node, "copies \(copied.count) of \(parts.count) inputs")
      actions[position].action = copied.isEmpty ? .nothing : .run(.compute(copying(copied)))
    }
    return placement
  }

  /// An input in the arena that no later node uses and whose memory output 0 may take over.
  func overwritable(
    _ node: Program.Node, _ lifetimes: Lifetimes, _ placement: Placement, at position: Int32,
    _ offsets: [Int]
  ) -> Int32? {
    guard let output = inference.types[Int(node.outputs[0])]?.tensorType else { return nil }
    for index in node.body.overwritableInputs where index < node.inputs.count {
      let input = node.inputs[index]
      guard input >= 0, let type = inference.types[Int(input)]?.tensorType else { continue }
      let root = root(input)
      guard offsets[Int(root)] >= 0, placement.isAlone(root),
        lifetimes.lastUse[Int(root)] == position,
        type.shape == output.shape, type.elementType.stride == output.elementType.stride,
        node.inputs.count(where: { $0 >= 0 && placement.place(self.root($0)).block == root }) == 1
      else { continue }
      return root
    }
    return nil
  }

  func bytes(_ number: Int32) throws(ModelError) -> Int {
    guard let bytes = inference.types[Int(number)]?.tensorType?.byteCount else {
      throw .memory(needed: .max, limit: engine.memoryLimit)
    }
    return bytes
  }

  /// The sum of two sizes.
  /// - Throws: `ModelError.memory` where it exceeds the limit.
  func total(_ a: Int, _ b: Int) throws(ModelError) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    guard !overflow, sum <= engine.memoryLimit else {
      throw .memory(needed: overflow ? .max : sum, limit: engine.memoryLimit)
    }
    return sum
  }
}
