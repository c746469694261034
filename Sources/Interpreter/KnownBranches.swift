import ONNXFormat
import ONNXOperators

extension Program {
  /// The program with the nodes of a branch in place of each node that is known to take it; `nil` where
  /// no branch is known. The numbers of all values stay as they are.
  func takingKnownBranches(_ inference: Inference, engine: Engine) -> Program? {
    var splice = BranchSplice(self)
    var isChanged = false
    for node in nodes {
      if !node.subgraphs.isEmpty, node.body.takesOneBranch,
        let inputs = inference.inputs(of: node, engine: engine, lenient: true),
        let name = node.body.branch(for: inputs),
        let branch = node.subgraphs.first(where: { $0.attribute == name }),
        branch.program.inputs.isEmpty, branch.program.outputs.count >= node.outputs.count
      {
        splice.append(branch.program, captures: branch.captures, as: node.outputs)
        isChanged = true
      } else {
        splice.append(node)
      }
    }
    return isChanged ? splice.program : nil
  }

  /// The program without the nodes that no output depends on.
  var withoutUnusedNodes: Program {
    var isUsed = [Bool](repeating: false, count: names.count)
    for number in outputs { isUsed[Int(number)] = true }
    var kept: [Node] = []
    for node in nodes.reversed()
    where node.outputs.contains(where: { $0 >= 0 && isUsed[Int($0)] }) {
      for number in node.inputs + node.subgraphs.flatMap(\.captures) where number >= 0 {
        isUsed[Int(number)] = true
      }
      kept.append(node)
    }
    return Program(
      self, nodes: kept.reversed(), names: names, outputs: outputs, constants: constants)
  }
}

/// Puts the nodes of branches among those of the program around them.
private struct BranchSplice {
  private let outer: Program
  private var nodes: [Program.Node] = []
  private var names: [String]
  private var constants: [Int32: Value]
  /// The values that replace outputs of nodes whose branch returns a value that it does not make.
  private var replacements: [Int32: Int32] = [:]

  init(_ outer: Program) {
    self.outer = outer
    names = outer.names
    constants = outer.constants
  }

  var program: Program {
    Program(
      outer, nodes: nodes, names: names, outputs: outer.outputs.map(current),
      constants: constants)
  }

  private func current(_ number: Int32) -> Int32 { replacements[number] ?? number }

  mutating func append(_ node: Program.Node) { append(node, input: current, output: { $0 }) }

  private mutating func append(
    _ node: Program.Node, input: (Int32) -> Int32, output: (Int32) -> Int32
  ) {
    nodes.append(
      Program.Node(
        name: node.name, position: node.position, operatorType: node.operatorType,
        body: node.body, types: node.types, inputs: node.inputs.map(input),
        outputs: node.outputs.map(output),
        subgraphs: node.subgraphs.map { ($0.attribute, $0.program, $0.captures.map(input)) }))
  }

  /// Appends the nodes of a branch.
  /// - Parameter outputs: the numbers of the outputs of the node that takes it
  mutating func append(_ branch: Program, captures: [Int32], as outputs: [Int32]) {
    var numbers: [Int32: Int32] = [:]
    func number(_ inner: Int32) -> Int32 { inner < 0 ? inner : numbers[inner] ?? -1 }
    for (inner, captured) in zip(branch.captures, captures) { numbers[inner] = current(captured) }
    for (inner, value) in branch.constants {
      let number = addName(branch.names[Int(inner)])
      numbers[inner] = number
      constants[number] = value
    }
    // Values that the branch makes and returns keep the number of the node's output.
    let made = Set(branch.nodes.flatMap(\.outputs))
    for (inner, number) in zip(branch.outputs, outputs)
    where number >= 0 && numbers[inner] == nil && made.contains(inner) {
      numbers[inner] = number
    }
    for inner in branch.nodes.flatMap(\.outputs) where inner >= 0 && numbers[inner] == nil {
      numbers[inner] = addName(branch.names[Int(inner)])
    }
    for node in branch.nodes { append(node, input: number, output: number) }
    for (inner, output) in zip(branch.outputs, outputs) where output >= 0 {
      let number = number(inner)
      if number >= 0, number != output { replacements[output] = number }
    }
  }

  private mutating func addName(_ name: String) -> Int32 {
    names.append(name)
    return Int32(names.count - 1)
  }
}
