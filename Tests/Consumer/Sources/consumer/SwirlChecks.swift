import Foundation
import ONNX
import ONNXOperators

/// A failed check; the program ends with an error.
struct CheckFailure: Error, CustomStringConvertible {
  let description: String
}

/// Checks that `Swirl`, an operator of this package, runs, fuses and trains as those of ONNX do.
enum SwirlChecks {
  static let values = (0..<1500).map { Float($0) / 250 - 3 }
  static let x = Tensor(shape: [2, 750], values)
  static let alpha: Float = 1.5

  static func run() throws {
    try runs()
    try runsInSubgraphsAndFunctions()
    try fuses()
    try replacesStandardNodes()
    try gradientIsRight()
    try trains()
    try isAsFastAsALoop()
  }

  // MARK: Runs

  private static func runs() throws {
    let y = try outputs(model([swirl("x", "y")]))
    for (x, y) in zip(values, y) { try check(abs(y - x * sin(alpha * x)) < 1e-5, "x \(x), y \(y)") }
    do {
      _ = try Session(model([swirl("x", "y")]))
      throw CheckFailure(description: "a session without the operator accepts the model")
    } catch let error as ModelError {
      try check("\(error)".contains("SessionOptions.operators"), "\(error)")
      print("Swirl: \(error)")
    }
    print("Swirl runs")
  }

  private static func runsInSubgraphsAndFunctions() throws {
    let expected = try outputs(model([swirl("x", "y")]))
    let branch = Graph(
      name: "branch", nodes: [swirl("x", "inner")], outputs: [ValueInfo("inner", nil)])
    let condition = NamedTensor("condition", Tensor(true))
    let choice = Node(
      "If", inputs: ["condition"], outputs: ["y"],
      attributes: [.graph("then_branch", branch), .graph("else_branch", branch)])
    try check(outputs(model([choice], [condition])) == expected, "in a subgraph")

    // The function takes the operator's attribute.
    var inner = swirl("a", "b")
    inner.attributes = [Attribute("alpha", .reference(name: "turns", type: 1))]
    var function = Function(
      "Turn", domain: "com.acme.functions", inputs: ["a"], outputs: ["b"], nodes: [inner],
      operatorSets: [OperatorSetImport(domain: "com.acme", version: 1)])
    function.attributes = ["turns"]
    let call = Node(
      "Turn", domain: "com.acme.functions", inputs: ["x"], outputs: ["y"],
      attributes: [.float("turns", alpha)])
    var calling = model([call])
    calling.functions = [function]
    calling.operatorSets = [
      OperatorSetImport(version: 20), OperatorSetImport(domain: "com.acme.functions", version: 1),
    ]
    try check(outputs(calling) == expected, "in a function")
    print("Swirl runs in subgraphs and functions")
  }

  // MARK: Fuses

  private static func fuses() throws {
    // A chain passes over memory once.
    let chain = model(
      [
        Node("Mul", inputs: ["x", "half"], outputs: ["a"]), swirl("a", "b"),
        Node("Add", inputs: ["b", "x"], outputs: ["y"]),
      ], [NamedTensor("half", Tensor(Float(0.5)))])
    let plan = try Session(chain, options: options).describePlan(shapes: ["x": x.shape])
    try check(plan.steps.map(\.operatorType) == ["ElementwiseChain"], "\(plan.steps)")
    try check(outputs(chain) == outputs(chain, passes: []), "a chain changes bits")
    print("Swirl fuses: \(plan.steps[0].notes.joined(separator: "; "))")

    let negated = model([swirl("x", "a"), Node("Neg", inputs: ["a"], outputs: ["y"])])
    let fused = try Session(negated, options: options).describePlan()
    try check(fused.steps.map(\.operatorType) == ["Swirl"], "\(fused.steps)")
    try check(outputs(negated) == outputs(negated, passes: []), "fusion changes bits")
    print("Swirl takes over Neg")
  }

  private static func replacesStandardNodes() throws {
    let standard = model(
      [
        Node("Mul", inputs: ["x", "alpha"], outputs: ["a"]),
        Node("Sin", inputs: ["a"], outputs: ["b"]),
        Node("Mul", inputs: ["x", "b"], outputs: ["y"]),
      ], [NamedTensor("alpha", Tensor(alpha))])
    let plan = try Session(standard, options: options).describePlan()
    try check(plan.steps.map(\.operatorType) == ["Swirl"], "\(plan.steps)")
    let pairs = try zip(outputs(standard), outputs(standard, passes: []))
    try check(pairs.allSatisfy { abs($0 - $1) < 1e-5 }, "the rule changes the result")
    print("Swirl replaces Mul, Sin, Mul")
  }

  // MARK: Trains

  /// Compares the gradient with central differences, in float64.
  private static func gradientIsRight() throws {
    let points = Tensor(shape: [1, 5], [-2, -0.5, 0, 1, 2.5] as [Double])
    let sum = model(
      [swirl("x", "a"), Node("ReduceSum", inputs: ["a"], outputs: ["y"])], type: .float64)
    var differentiation = try Differentiation(sum, options: options)
    let gradients = try differentiation.gradients(of: "y", by: ["x"])
    guard let name = gradients["x"] else { throw CheckFailure(description: "no gradient") }
    var withGradient = sum
    withGradient.graph = differentiation.graph
    withGradient.graph.outputs = [ValueInfo(name, nil)]
    let session = try Session(withGradient, options: options)
    let found = try session.run(["x": points])[name]?.array(as: Double.self) ?? []
    let plain = try Session(model([swirl("x", "y")], type: .float64), options: options)
    func value(_ x: Double) throws -> Double {
      try plain.run(["x": Tensor(shape: [1, 1], [x])])["y"]?.array(as: Double.self)[0] ?? .nan
    }
    try check(found.count == points.count, "\(found)")
    for (x, slope) in zip(try points.array(as: Double.self), found) {
      let difference = try (value(x + 1e-5) - value(x - 1e-5)) / 2e-5
      try check(abs(difference - slope) < 1e-8, "at \(x): \(slope), differences \(difference)")
    }
    print("Swirl has the gradient of central differences")
  }

  /// A layer of the operator.
  private struct SwirlLayer: Layer {
    func callAsFunction(
      _ x: Signal, in m: ModelBuilder
    ) throws(ModelError) -> Signal {
      try m.node("Swirl", [x], [.float("alpha", SwirlChecks.alpha)], domain: "com.acme")
    }
  }

  private static func trains() throws {
    let network = Sequential {
      Dense(16)
      SwirlLayer()
      Dense(1)
    }
    let untrained = try network.model(input: "x", ["N", 1], seed: 1, operators: [Swirl.self])
    var settings = TrainingOptions()
    settings.loss = .meanSquaredError
    settings.session.operators = [Swirl.self]
    let trainer = try Trainer(untrained, settings)
    let inputs = (0..<64).map { Float($0) / 16 - 2 }
    let batch = Batch(
      [
        "x": Tensor(shape: [64, 1], inputs),
        Loss.labels: Tensor(shape: [64, 1], inputs.map { sin(3 * $0) }),
      ], count: 64)
    let first = try trainer.train(on: batch, rate: 0.02).loss
    var last = first
    for _ in 0..<300 { last = try trainer.train(on: batch, rate: 0.02).loss }
    try check(last < first / 20, "the loss fell from \(first) to \(last) only")

    // A file keeps the domain.
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("swirl-\(UUID().uuidString).onnx")
    defer { try? FileManager.default.removeItem(at: file) }
    try trainer.model.write(to: file)
    let read = try Model(contentsOf: file)
    try check(read.operatorSets.contains { $0.domain == "com.acme" }, "\(read.operatorSets)")
    let data = ["x": Tensor(shape: [64, 1], inputs)]
    let results = try Session(read, options: settings.session).run(data)
    try check(results == trainer.predict(data), "the file computes something else")
    print("Swirl trains: the loss fell from \(first) to \(last)")
  }

  // MARK: Speed

  /// Prints how many times as long as a plain loop the operator takes for a million elements.
  private static func isAsFastAsALoop() throws {
    #if DEBUG
      print("Swirl's speed: swift run -c release")
    #else
      let count = 1_000_000
      let numbers = (0..<count).map { Float($0 % 6000) / 1000 - 3 }
      let x = Tensor(shape: [1, count], numbers)
      var options = options
      options.threads = 1
      let session = try Session(model([swirl("x", "y")]), options: options)
      let bound = try session.bind(inputs: ["x": x], outputs: ["y"])
      let own = try shortest { try bound.run() }
      let results = UnsafeMutablePointer<Float>.allocate(capacity: count)
      defer { results.deallocate() }
      let alpha = alpha
      let loop = try shortest {
        numbers.withUnsafeBufferPointer { numbers in
          for i in 0..<count { results[i] = numbers[i] * sin(alpha * numbers[i]) }
        }
      }
      let sum = Node("ReduceSum", inputs: ["a"], outputs: ["y"])
      var differentiation = try Differentiation(model([swirl("x", "a"), sum]), options: options)
      let name = try differentiation.gradients(of: "y", by: ["x"])["x"] ?? ""
      var backward = model([])
      backward.graph = differentiation.graph
      backward.graph.outputs = [ValueInfo(name, nil)]
      let gradient = try Session(backward, options: options)
        .bind(inputs: ["x": x], outputs: [name])
      let back = try shortest { try gradient.run() }
      let backLoop = try shortest {
        numbers.withUnsafeBufferPointer { numbers in
          for i in 0..<count {
            let t = alpha * numbers[i]
            results[i] = sin(t) + t * cos(t)
          }
        }
      }
      print(
        "Swirl takes \(own / loop) of a plain loop's time, \(own) for a million elements;",
        "its gradient \(back / backLoop), \(back)")
    #endif
  }

  private static func shortest(_ body: () throws -> Void) throws -> Duration {
    var shortest = Duration.seconds(100)
    for _ in 0..<20 { shortest = min(shortest, try ContinuousClock().measure(body)) }
    return shortest
  }

  // MARK: Models

  private static var options: SessionOptions {
    var options = SessionOptions()
    options.operators = [Swirl.self]
    return options
  }

  private static func swirl(_ input: String, _ output: String) -> Node {
    Node(
      "Swirl", domain: "com.acme", inputs: [input], outputs: [output],
      attributes: [.float("alpha", alpha)])
  }

  private static func model(
    _ nodes: [Node], _ initializers: [NamedTensor] = [], type: ElementType = .float32
  ) -> Model {
    Model(
      graph: Graph(
        name: "swirl", nodes: nodes, inputs: [ValueInfo("x", .tensor(type, ["A", "B"]))],
        outputs: [ValueInfo("y", nil)], initializers: initializers),
      operatorSets: [
        OperatorSetImport(version: 20), OperatorSetImport(domain: "com.acme", version: 1),
      ])
  }

  private static func outputs(_ model: Model, passes: [any Pass]? = nil) throws -> [Float] {
    var options = options
    if let passes { options.passes = passes }
    return try Session(model, options: options).run(["x": x])["y"]?.array(as: Float.self) ?? []
  }

  private static func check(_ condition: @autoclosure () throws -> Bool, _ text: String) throws {
    guard try condition() else { throw CheckFailure(description: text) }
  }
}
