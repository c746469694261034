import ONNXFormat
import ONNXOperators
import ONNXShape

/// The boxes with the highest scores of each class, except those that overlap a better one too much:
/// batch, class and box, `[count, 3]`.
struct NonMaxSuppression: Operator {
  static let schema = Schema("NonMaxSuppression", [10: .float32, 11: .float32], inputs: 2...5)
  let hasCenters: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    hasCenters = try node.flag("center_point_box")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.tensor(0, .float32)
    _ = try inputs.tensor(1, .float32)
    if inputs.has(2) { _ = try inputs.tensor(2, .int64) }
    for index in 3...4 where inputs.has(index) { _ = try inputs.tensor(index, .float32) }
    if let boxes = try inputs.shape(0, rank: 3), let scores = try inputs.shape(1, rank: 3) {
      do {
        _ = try unify(boxes[0], scores[0])
        _ = try unify(boxes[1], scores[2])
        _ = try unify(boxes[2], 4)
      } catch {
        throw .input(0, "boxes \(boxes) do not fit scores \(scores)")
      }
    }
    return [.tensor(.int64, [.unknown, 3])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in try run(call) }
  }

  private func scalar<T: Element>(
    _ index: Int, _ type: T.Type, _ call: borrowing Call
  ) throws(OperatorError) -> T? {
    guard call.has(index) else { return nil }
    let tensor = try call.tensor(index)
    guard tensor.count == 1 else { throw .input(index, "expected one element, got \(tensor.type)") }
    return tensor.elements(as: T.self)[0]
  }

  private func run(_ call: borrowing Call) throws(OperatorError) -> [Value?] {
    let boxes = try call.tensor(0)
    let scores = try call.tensor(1)
    let limit = max(try scalar(2, Int64.self, call) ?? 0, 0)
    let overlap = try scalar(3, Float.self, call) ?? 0
    let threshold = try scalar(4, Float.self, call)
    let (batches, count, classes) = (boxes.shape[0], boxes.shape[1], scores.shape[1])
    let coordinates = boxes.elements(as: Float.self)
    let allScores = scores.elements(as: Float.self)
    var found: [Int64] = []
    for batch in 0..<(scores.count == 0 ? 0 : batches) {
      let corners = (0..<count).map { index in
        let start = (batch * count + index) * 4
        return Box(coordinates[start..<start + 4], hasCenters: hasCenters)
      }
      for kind in 0..<classes {
        let start = (batch * classes + kind) * count
        let score = { (index: Int) in allScores[start + index] }
        var order = Array(0..<count)
        if let threshold { order = order.filter { score($0) > threshold } }
        order.sort { a, b in score(a) == score(b) ? a < b : score(a) > score(b) }
        var kept: [Int] = []
        for index in order {
          if kept.count >= limit || Deadline.isPassed { break }
          if kept.allSatisfy({ corners[$0].overlap(corners[index]) <= overlap }) {
            kept.append(index)
          }
        }
        for index in kept { found += [Int64(batch), Int64(kind), Int64(index)] }
      }
    }
    let result = try call.allocate(.int64, [found.count / 3, 3])
    let y = result.storage.pointer.assumingMemoryBound(to: Int64.self)
    for i in found.indices { y[i] = found[i] }
    return [.tensor(result)]
  }

  private struct Box {
    let left, right, top, bottom: Float
    let area: Float

    init(_ numbers: Slice<TensorElements<Float>>, hasCenters: Bool) {
      let p = Array(numbers)
      if hasCenters {
        (left, right) = (p[0] - p[2] / 2, p[0] + p[2] / 2)
        (top, bottom) = (p[1] - p[3] / 2, p[1] + p[3] / 2)
      } else {
        (left, right) = (min(p[1], p[3]), max(p[1], p[3]))
        (top, bottom) = (min(p[0], p[2]), max(p[0], p[2]))
      }
      area = (right - left) * (bottom - top)
    }

    /// Intersection over union.
    func overlap(_ other: Box) -> Float {
      let width = min(right, other.right) - max(left, other.left)
      let height = min(bottom, other.bottom) - max(top, other.top)
      guard width > 0, height > 0, area > 0, other.area > 0 else { return -.infinity }
      let intersection = width * height
      let union = area + other.area - intersection
      return union > 0 ? intersection / union : -.infinity
    }
  }
}

extension NonMaxSuppression {
  static func exactInputs(_ node: Node) -> [Int] { [0, 1, 3, 4] }
}
