import ONNXFormat
import ONNXInterpreter
import ONNXSupport
import Synchronization

/// How tables are scored.
package struct ScoreOptions: Sendable {
  package var choice = ColumnChoice()
  /// Rows that run at once; `nil` to find the best number.
  package var batch: Int?
  /// The most rows of a part.
  package var partRows = 50_000
  /// Whether results of other settings are replaced.
  package var overwrite = false
  /// Whether pictures that cannot be read are left out.
  package var skipsBad = false
  /// Lines on the model and on options that change results, none with a line break.
  package var settings: [String] = []

  package init() {}
}

/// The progress of scoring, and its result.
package struct ScoreProgress: Sendable {
  package var rows = 0
  package var parts = 0
  /// Parts that were whole already, and their rows.
  package var wholeParts = 0
  package var wholeRows = 0
  /// Pictures that were left out.
  package var skipped = 0
  package var batch = 0

  /// The progress before the first row.
  package init() {}
}

/// Scores files part by part: one thread reads, one runs the model, one writes.
package struct Scorer: Sendable {
  private let model: RowModel
  private let inputs: [ScoreInput]
  private let folder: String
  private let options: ScoreOptions
  private let decode: @Sendable (String) throws -> Tensor
  private let outputs: [String]
  private let duck: LazyDuckDB

  private static let blockRows = 1024

  /// A part of a file.
  struct Part: Sendable {
    let input: ScoreInput
    let number: Int
    let range: Range<Int>
    let kept: [String]
    var name: String { input.name(ofPart: number) }
  }

  private enum ReadMessage: Sendable {
    case block(Block, Part)
    case end(Part)
    case done(ScoreInput, parts: Int)
    case whole(rows: Int)
    case note(String)
    case skipped(String)
  }

  private enum WriteMessage: Sendable {
    case rows(Kept, Range<Int>, [Tensor], Part)
    case end(Part)
    case done(ScoreInput, parts: Int)
  }

  /// - Parameter decode: reads a picture for the model's input, as a row
  package init(
    _ model: RowModel, _ inputs: [ScoreInput], output folder: String, _ options: ScoreOptions,
    decode: @escaping @Sendable (String) throws -> Tensor
  ) {
    self.model = model
    self.inputs = inputs
    self.folder = folder
    self.options = options
    self.decode = decode
    outputs = model.session.outputs.map(\.name)
    duck = LazyDuckDB()
  }

  /// Scores all parts that are not there yet.
  /// - Parameters:
  ///   - note: called with remarks
  ///   - progress: called after each batch
  /// - Throws: `Failure` or another error of one sentence; whole parts stay
  package func run(
    note: (String) -> Void, progress: (ScoreProgress) -> Void
  ) throws -> ScoreProgress {
    let manifest = try Manifest(
      folder, inputs, settings: options.settings, overwrite: options.overwrite)
    for input in inputs { try manifest.begin(input) }
    let (batch, batchNote) = try findBatch(manifest)
    if let batchNote { note(batchNote) }
    var state = ScoreProgress()
    state.batch = batch

    let read = BoundedQueue<ReadMessage>(depth: 4)
    let write = BoundedQueue<WriteMessage>(depth: 8)
    let limit = max(batch, model.fixedBatch == nil ? 16 : 1)
    let reader = try WorkThread {
      do {
        try self.readAll(manifest, limit: limit, into: read)
        read.finish()
      } catch { read.finish(error) }
    }
    defer {
      read.cancel()
      reader.join()
    }
    let writerFailure = SharedError()
    let writer = try WorkThread {
      do { try self.writeAll(manifest, from: write) } catch {
        writerFailure.set(error)
        write.cancel()
      }
    }
    let result = Result {
      try runAll(from: read, into: write, batch: batch, &state, note: note, progress: progress)
    }
    // Parts that are complete are still written.
    write.finish()
    writer.join()
    if let error = writerFailure.value { throw error }
    try result.get()
    return state
  }

  /// Runs the model on what is read, until the writer takes no more.
  private func runAll(
    from read: BoundedQueue<ReadMessage>, into write: BoundedQueue<WriteMessage>, batch: Int,
    _ state: inout ScoreProgress, note: (String) -> Void, progress: (ScoreProgress) -> Void
  ) throws {
    while let message = try read.take() {
      switch message {
      case .block(let block, let part):
        var start = 0
        while start < block.count {
          let end = model.end(of: block, from: start, limit: batch)
          let results = try model.run(block, start..<end)
          guard write.put(.rows(block.kept, start..<end, results, part)) else { return }
          state.rows += end - start
          start = end
          progress(state)
        }
      case .end(let part):
        guard write.put(.end(part)) else { return }
        state.parts += 1
      case .done(let input, let parts):
        guard write.put(.done(input, parts: parts)) else { return }
      case .whole(let rows):
        state.wholeParts += 1
        state.wholeRows += rows
      case .note(let text): note(text)
      case .skipped(let text):
        state.skipped += 1
        note("left out: \(text)")
      }
    }
  }

  /// The first rows that have to be scored decide on the batch.
  private func findBatch(_ manifest: Manifest) throws -> (size: Int, note: String?) {
    if let fixed = model.fixedBatch, options.batch ?? fixed == fixed { return (fixed, nil) }
    for input in inputs {
      var part = 0
      while manifest.wholePart(input.name(ofPart: part)) != nil { part += 1 }
      if let count = manifest.partCount(input.stem), part >= count { continue }
      let reader = try open(input, skip: options.skipsBad ? { _ in } : nil)
      reader.plan = try plan(reader, input).plan
      try reader.open(part * options.partRows..<(part + 1) * options.partRows)
      guard let block = try reader.next(Self.blockRows) else { continue }
      return try BatchSearch.batch(model, block, wanted: options.batch)
    }
    return (options.batch ?? 1, nil)
  }

  private func plan(
    _ reader: any TableReader, _ input: ScoreInput
  ) throws -> (plan: ColumnPlan, note: String?) {
    if reader.isEmpty { return (ColumnPlan(), nil) }
    if input.form == .pictures { return (ColumnPlan(inputs: [[]], kept: [0]), nil) }
    do {
      return try options.choice.plan(reader, for: model.inputs, outputs: outputs)
    } catch { throw Failure("\(input.path): \(error)") }
  }

  private func open(
    _ input: ScoreInput, skip: ((Failure) -> Void)?
  ) throws -> any TableReader {
    switch input.form {
    case .parquet: try ParquetReader(input.path, model.inputs, duck.opened())
    case .csv: try CSVReader(input.path, model.inputs)
    case .jsonLines: try JSONLinesReader(input.path, model.inputs)
    case .npz:
      try ArrayReader(input.path, model.inputs, memoryLimit: model.session.memoryLimit)
    case .pictures: try PictureRows(input.pictures, model.inputs, decode: decode, skip: skip)
    }
  }

  private func readAll(
    _ manifest: Manifest, limit: Int, into queue: BoundedQueue<ReadMessage>
  ) throws {
    var lastNote: String?
    for input in inputs {
      var reader: (any TableReader)?
      var kept: [String] = []
      var number = 0
      while number < manifest.partCount(input.stem) ?? .max {
        if let rows = manifest.wholePart(input.name(ofPart: number)) {
          guard queue.put(.whole(rows: rows)) else { return }
          number += 1
          continue
        }
        if reader == nil {
          let opened = try open(
            input, skip: options.skipsBad ? { _ = queue.put(.skipped("\($0)")) } : nil)
          let (plan, note) = try plan(opened, input)
          opened.plan = plan
          kept = plan.kept.map { opened.columns[$0] }
          if let note, note != lastNote {
            guard queue.put(.note("\(input.path): \(note)")) else { return }
            lastNote = note
          }
          reader = opened
        }
        guard let reader else { return }
        let range = number * options.partRows..<(number + 1) * options.partRows
        let part = Part(input: input, number: number, range: range, kept: kept)
        try reader.open(range)
        var rows = 0
        while let block = try reader.next(limit) {
          rows += block.count
          guard queue.put(.block(block, part)) else { return }
        }
        if rows > 0 {
          guard queue.put(.end(part)) else { return }
          number += 1
        }
        if reader.position < range.upperBound { break }
        if rows == 0 { number += 1 }
      }
      guard queue.put(.done(input, parts: number)) else { return }
    }
  }

  private func writeAll(_ manifest: Manifest, from queue: BoundedQueue<WriteMessage>) throws {
    var writer: (any PartWriter)?
    var rows = 0
    while let message = try queue.take() {
      switch message {
      case .rows(let kept, let range, let results, let part):
        let current = try writer ?? self.writer(part)
        writer = current
        try current.write(kept, range, results)
        rows += range.count
      case .end(let part):
        try manifest.check(part.input)
        try writer?.commit()
        writer = nil
        try manifest.add(part.name, rows: rows)
        rows = 0
      case .done(let input, let parts): try manifest.finish(input.stem, parts: parts)
      }
    }
  }

  private func writer(_ part: Part) throws -> any PartWriter {
    let path = "\(folder)/\(part.name)"
    try checkKeepsInputs([path], inputs.tables, unless: nil)
    switch part.input.form {
    case .parquet: return try ParquetPartWriter(folder, part, outputs: outputs, duck.opened())
    case .csv: return try CSVPartWriter(path, kept: part.kept, outputs: outputs)
    case .jsonLines, .pictures:
      return try JSONLinesPartWriter(path, kept: part.kept, outputs: outputs)
    case .npz: return ArrayPartWriter(path, kept: part.kept, outputs: outputs)
    }
  }
}

/// An error that one thread hands to another.
private final class SharedError: Sendable {
  private let error = Mutex<(any Error)?>(nil)
  func set(_ new: any Error) { error.withLock { $0 = new } }
  var value: (any Error)? { error.withLock { $0 } }
}
