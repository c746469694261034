import ONNXFormat

/// One copy of a kernel that consists of copies.
package final class CopyJob: Sendable {
  package enum Source: Sendable {
    case input(Int)
    case tensor(Tensor)
  }

  package let copy: StridedCopy
  package let source: Source
  package let output: Int

  package init(_ copy: StridedCopy, from source: Source = .input(0), to output: Int = 0) {
    self.copy = copy
    self.source = source
    self.output = output
  }

  package func run(_ units: Range<Int>, _ buffers: Buffers) {
    let target = UnsafeMutableRawPointer(buffers.output(output, as: UInt8.self))
    switch source {
    case .input(let index):
      copy.run(units, from: UnsafeRawPointer(buffers.input(index, as: UInt8.self)), to: target)
    case .tensor(let tensor): copy.run(units, from: tensor.storage.pointer, to: target)
    }
  }
}

/// Independent copies, split into tasks.
package final class CopyTasks: Sendable {
  private struct Piece {
    let job: Int
    let units: Range<Int>
  }

  private let jobs: [CopyJob]
  private let pieces: [Piece]
  /// Ranges of `pieces`.
  private let tasks: [Range<Int>]

  package init(_ jobs: [CopyJob]) {
    self.jobs = jobs
    // Large copies have larger tasks, so that there are at most about 1024.
    let total = jobs.reduce(0.0) { $0 + Double($1.copy.units) * Double($1.copy.unitSize) }
    let taskSize = max(StridedCopy.taskSize, Int(exactly: (total / 1024).rounded()) ?? Int.max)
    var pieces: [Piece] = []
    var tasks: [Range<Int>] = []
    var first = 0
    var size = 0
    for (index, job) in jobs.enumerated() {
      let unit = max(job.copy.unitSize, 1)
      var start = 0
      while start < job.copy.units {
        let room = max((taskSize - size) / unit, 1)
        let end = min(start + room, job.copy.units)
        pieces.append(Piece(job: index, units: start..<end))
        size += (end - start) &* unit
        start = end
        if size + unit > taskSize {
          tasks.append(first..<pieces.count)
          (first, size) = (pieces.count, 0)
        }
      }
    }
    if first < pieces.count { tasks.append(first..<pieces.count) }
    self.pieces = pieces
    self.tasks = tasks
  }

  /// The kernel that runs all copies.
  package var kernel: Kernel { .compute(body) }

  package var body: Kernel.Body {
    let count = tasks.count
    if pieces.count == 1, let piece = pieces.first {
      let (job, units) = (jobs[piece.job], piece.units)
      return { buffers in job.run(units, buffers) }
    }
    if count == 1 { return { buffers in self.run(0, buffers) } }
    let tile: Buffers.Tile = { buffers, task, _ in self.run(task, buffers) }
    return { buffers in buffers.parallel(count, tile) }
  }

  private func run(_ task: Int, _ buffers: Buffers) {
    for index in tasks[task] {
      let piece = pieces[index]
      jobs[piece.job].run(piece.units, buffers)
    }
  }
}

extension Call {
  /// Counts memory for `count` items of `size` bytes against the limit of the run.
  package func reserve(_ count: Int, bytesEach size: Int) throws(OperatorError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    try context.reserve(bytes: overflow ? Int.max : bytes)
  }
}

extension Tensor {
  /// Sets every element of a new tensor to zero. Strings are already empty.
  package func clear() {
    if elementType != .string {
      storage.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: storage.byteCount)
    }
  }
}
