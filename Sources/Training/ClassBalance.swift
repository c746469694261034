import ONNXFormat

/// The class weights `n / (classes · count)` for `n` labels, of which `count` are of the class, as
/// scikit-learn's `balanced` has them (King and Zeng, 2001). The classes are 0 to the largest label.
/// - Parameter ignored: The label that is not counted.
/// - Throws: `DataError` for a class without a label, or a negative label
package func balancedWeights(
  _ labels: [Int64], ignored: Int64 = Loss.ignored
) throws(DataError) -> [Float] {
  let labels = labels.filter { $0 != ignored }
  guard let greatest = labels.max(), let least = labels.min(), (0..<1 << 20).contains(greatest)
  else { throw DataError("balanced class weights need integer labels from 0") }
  guard least >= 0 else {
    throw DataError("balanced class weights need labels of at least 0, found \(least)")
  }
  var counts = [Int](repeating: 0, count: Int(greatest) + 1)
  for label in labels { counts[Int(label)] += 1 }
  if let missing = counts.firstIndex(of: 0) {
    throw DataError(
      "balanced class weights need an example of each class, found none of \(missing)")
  }
  return counts.map { Float(Double(labels.count) / (Double(counts.count) * Double($0))) }
}
