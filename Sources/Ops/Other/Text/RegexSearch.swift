import ONNXOperators

/// A search for matches of a regular expression within texts. It keeps its memory from one search to the
/// next.
package struct RegexSearch {
  private let program: RegexProgram
  private var current: Threads
  private var next: Threads

  /// Threads of the automaton, and the place where the match of each begins, in ascending order.
  private struct Threads {
    var threads: RegexProgram.Threads
    var starts: [Int] = []

    mutating func removeAll() {
      threads.removeAll()
      starts.removeAll(keepingCapacity: true)
    }
  }

  package init(_ program: RegexProgram) {
    self.program = program
    current = Threads(threads: RegexProgram.Threads(program.instructions.count))
    next = current
  }

  /// The longest of the matches that begin first, at `place` or later. The time is at most proportional to
  /// the length of the text times that of the program.
  /// - Parameter text: `^`, `$` and `\b` see its ends, and what is before `place`
  package mutating func first(in text: ArraySlice<Unicode.Scalar>, from place: Int) -> Range<Int>? {
    var place = place
    var best: Range<Int>?
    current.removeAll()
    while true {
      let before = place > text.startIndex ? text[place - 1] : nil
      let after = place < text.endIndex ? text[place] : nil
      // An instruction is followed only once at a position: by the thread that began first.
      if best == nil { follow(0, &current, from: place, before, after) }
      for (index, at) in current.threads.places.enumerated() {
        guard case .match = program.instructions[at] else { continue }
        if current.starts[index] <= best?.lowerBound ?? place {
          best = current.starts[index]..<place
        }
      }
      guard let after, best == nil || !current.starts.isEmpty, !Deadline.isPassed else {
        return best
      }
      let following = place + 1 < text.endIndex ? text[place + 1] : nil
      next.removeAll()
      for (index, at) in current.threads.places.enumerated() {
        let start = current.starts[index]
        if let best, start > best.lowerBound { break }
        if case .scalar(let set) = program.instructions[at], set.contains(after) {
          follow(at + 1, &next, from: start, after, following)
        }
      }
      swap(&current, &next)
      place += 1
    }
  }

  private func follow(
    _ instruction: Int, _ list: inout Threads, from start: Int, _ before: Unicode.Scalar?,
    _ after: Unicode.Scalar?
  ) {
    program.follow(instruction, &list.threads, before, after)
    while list.starts.count < list.threads.places.count { list.starts.append(start) }
  }
}
