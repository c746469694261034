import ONNXFormat

/// The name most similar to `name`; `nil` where none is similar.
public func nearest(_ name: String, _ names: [String]) -> String? {
  let best = names.map { (name: $0, distance: editDistance(name, $0)) }
    .min { $0.distance < $1.distance }
  guard let best, best.distance <= max(2, name.utf8.prefix(200).count / 2) else {
    return names.count == 1 ? names[0] : nil
  }
  return best.name
}

/// The end of an error about a pattern that matches no name: the most similar name, or else the first
/// names.
package func hint(forPattern pattern: String, _ names: some Collection<String>) -> String {
  let names = names.sorted()
  if let name = nearest(pattern.filter { $0 != "*" && $0 != "?" }, names) {
    return "; did you mean \(name.quoted)?"
  }
  // `fetures.*` is near to `features`, the module of several names.
  let modules = Set(names.flatMap { ModulePath.chain(ModulePath.parent($0)) })
  let stem = String(
    pattern.prefix { $0 != "*" && $0 != "?" }.reversed().drop { $0 == "." }.reversed())
  if stem != pattern, !stem.isEmpty, let module = nearest(stem, modules.sorted()) {
    return "; did you mean \((module + ".*").quoted)?"
  }
  guard !names.isEmpty else { return "; there is none" }
  let list = names.prefix(6).map(\.quoted).joined(separator: ", ")
  return "; there are \(list)\(names.count > 6 ? ", …" : "")"
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
