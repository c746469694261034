import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Row operations of attention, in place.
struct AttentionRow<C: RowElement> {
  let values: UnsafeMutablePointer<C>
  let count: Int

  func fill(_ value: C) { values.update(repeating: value, count: count) }

  /// `cap · tanh(x / cap)`, each step rounded to `type`.
  func softcap(_ cap: C, _ type: ElementType) {
    for i in 0..<count { values[i] /= cap }
    type.round(values, count)
    if let floats = self as? AttentionRow<Float> {
      ck_tanh(floats.values, floats.values, count)
    } else {
      for i in 0..<count { values[i] = .tanh(values[i]) }
    }
    type.round(values, count)
    for i in 0..<count { values[i] *= cap }
    type.round(values, count)
  }

  /// `eˣ / Σ eˣ` in the precision of `type`. If `guarded`, a row of −∞ becomes zeros.
  func softmax(_ type: ElementType, guarded: Bool) {
    type.round(values, count)
    var greatest = -C.infinity
    for i in 0..<count {
      let value = values[i]
      greatest = greatest > value || greatest.isNaN ? greatest : value
    }
    if guarded && greatest == -.infinity { return fill(0) }
    if !type.isHalf, let floats = self as? AttentionRow<Float> {
      return ck_softmax(floats.values, floats.values, 1, count)
    }
    for i in 0..<count { values[i] -= greatest }
    type.round(values, count)
    for i in 0..<count { values[i] = .exp(values[i]) }
    type.round(values, count)
    var sum = C.sum(values, count)
    type.round(&sum, 1)
    for i in 0..<count { values[i] /= sum }
    type.round(values, count)
  }
}
