/// The name most similar to `name`; `nil` where none is similar.
public func nearest(_ name: String, _ names: [String]) -> String? {
  let best = names.map { (name: $0, distance: editDistance(name, $0)) }
    .min { $0.distance < $1.distance }
  guard let best, best.distance <= max(2, name.utf8.prefix(200).count / 2) else {
    return names.count == 1 ? names[0] : nil
  }
  return best.name
}

private func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.utf8.prefix(200))
  let b = Array(b.utf8.prefix(200))
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let above = row[j + 1]
      row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
      diagonal = above
    }
  }
  return row[b.count]
}
