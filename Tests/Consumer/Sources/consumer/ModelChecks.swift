import ONNX

/// Checks the types that the plugin ONNXModels makes of the models in this folder.
enum ModelChecks {
  static func run(_ session: Session) async throws {
    try digits(session)
    try text()
    try oddNames()
    try await awaitedRuns()
    print("Models of the plugin run")
  }

  /// A small model, which is in the binary: a tensor or an array goes in, named outputs come out.
  private static func digits(_ session: Session) throws {
    let lenet5 = try Lenet5()
    let pixels = (0..<28 * 28).map { Float($0 % 255) / 255 }
    let image = Tensor(shape: [1, 1, 28, 28], pixels)
    let logits = try lenet5(image: image).logits
    try check(try session.run(["image": image])["logits"] == logits, "other logits")

    // The batch size follows from the number of elements.
    let scores: [Float] = try lenet5(image: pixels + pixels).logits
    try check(
      try scores == logits.array(as: Float.self) + logits.array(as: Float.self), "\(scores)")
    try check(Lenet5.Inputs.image.shape == [.symbol("N"), 1, 28, 28], "\(Lenet5.Inputs.image)")
    try check(Lenet5.Outputs.logits.elementType == .float32, "\(Lenet5.Outputs.logits)")

    try expect("input 'image': expected a multiple of 784 elements, got 783") {
      _ = try lenet5(image: [Float](pixels.dropLast()))
    }
    try expect("input 'image': expected float32[N,1,28,28], got float32[784]") {
      _ = try lenet5(image: Tensor(shape: [784], pixels))
    }
  }

  /// A larger model, which is a resource, with several inputs and outputs.
  private static func text() throws {
    let lstm = try CharLstm()
    let zeros = [Float](repeating: 0, count: 160)
    let first = try lstm(tokens: [13, 52], h: zeros, c: zeros)
    try check(first.logits.count == 2 * 65, "\(first.logits.count)")
    // One character at a time, with the states of the one before.
    let a = try lstm(tokens: [13], h: zeros, c: zeros)
    let b = try lstm(tokens: [52], h: a.h_out, c: a.c_out)
    try check(a.logits + b.logits == first.logits && b.h_out == first.h_out, "other states")
    try expect("input 'c': expected 160 elements for the shape [1, 1, 160], got 159") {
      _ = try lstm(tokens: [13], h: zeros, c: [Float](zeros.dropLast()))
    }
  }

  /// Names that are no identifiers, an input with a default, a sequence, an optional, and weights in
  /// another file.
  private static func oddNames() throws {
    let odd = try OddNames()
    let x = Tensor(shape: [2], [Float(1), 2])
    let rows = Tensor(shape: [1], [Int64(7)])
    let output = try odd(in: x, x1: x, list: [x], maybe: nil, _1st: rows)
    try check(output.sum0 == Tensor(shape: [2], [Float(2), 4]), "sum")
    try check(output.default == Tensor(shape: [2], [Float(6), 12]), "default")
    try check(output.items == [x, output.sum0], "items")
    try check(output.hasElement == Tensor(false), "no element")
    try check(output.rows == Tensor(shape: [1, 2], [Float(14), 15]), "rows")
    let other = try odd(in: x, x1: x, list: [], maybe: x, _1st: rows, self_: Tensor(Float(0)))
    try check(other.default == Tensor(shape: [2], [Float(0), 0]), "scale")
    try check(other.hasElement == Tensor(true) && other.items.count == 1, "element")
    try check(OddNames.classes == ["a \"quote\"", "a \\ and a\nline"], "\(OddNames.classes)")
  }

  /// Runs that do not block the caller's thread, and end when their time is over.
  private static func awaitedRuns() async throws {
    let lenet5 = try Lenet5()
    let image = Tensor(shape: [1, 1, 28, 28], [Float](repeating: 0.5, count: 28 * 28))
    let logits = try await lenet5(image: image).logits
    let scores: [Float] = try await lenet5(image: image.array(), timeout: .seconds(60)).logits
    try check(try logits.array(as: Float.self) == scores, "other scores")
    do {
      _ = try await lenet5(image: image, timeout: .zero)
      throw CheckFailure(description: "a run without time ended")
    } catch let error as ModelError {
      try check("\(error)".contains("deadline exceeded"), "\(error)")
    }
  }

  private static func check(_ condition: Bool, _ message: String) throws {
    if !condition { throw CheckFailure(description: message) }
  }

  private static func expect(_ message: String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as ModelError {
      return try check("\(error)" == message, "\(error)")
    }
    throw CheckFailure(description: "no error: \(message)")
  }
}
