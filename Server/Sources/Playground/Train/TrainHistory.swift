/// A point of the curves: the means since the point before.
struct CurvePoint: Codable, Sendable, Equatable {
  /// The number of the last step.
  var step: Int
  var loss: Double?
  var accuracy: Double?
  var validationLoss: Double?
  var validationAccuracy: Double?
}

/// The curves of a run. When there are too many points, each two neighbours become one.
struct TrainHistory: Sendable, Equatable {
  static let most = 1200

  private(set) var points: [CurvePoint] = []
  /// Changes when points are merged, so that a page asks for all of them again.
  private(set) var generation = 0

  /// - Parameters:
  ///   - points: the points to begin with; the last `most` are kept
  init(points: [CurvePoint] = [], generation: Int = 0) {
    self.points = points.suffix(Self.most)
    self.generation = generation
  }

  mutating func add(_ point: CurvePoint) {
    points.append(point)
    guard points.count > Self.most else { return }
    generation &+= 1
    points = stride(from: 0, to: points.count, by: 2).map { index in
      guard index + 1 < points.count else { return points[index] }
      let (a, b) = (points[index], points[index + 1])
      func mean(_ a: Double?, _ b: Double?) -> Double? {
        guard let a, let b else { return a ?? b }
        return a / 2 + b / 2
      }
      return CurvePoint(
        step: b.step, loss: mean(a.loss, b.loss), accuracy: mean(a.accuracy, b.accuracy),
        validationLoss: mean(a.validationLoss, b.validationLoss),
        validationAccuracy: mean(a.validationAccuracy, b.validationAccuracy))
    }
  }
}
