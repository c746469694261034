import Synchronization

/// Large payloads that are read after the message, by several threads. The memory for them is allocated
/// while the message is read.
final class DeferredReads: Sendable {
  private struct Piece: Sendable {
    let file: InputFile
    let fileOffset: Int
    let storage: TensorStorage
    let offset: Int
    let count: Int
    let name: String?
  }
  private struct State {
    var pieces: [Piece] = []
    var files: Set<InputFile.Identity> = []
    var next = 0
    /// The index of the first piece that could not be read.
    var failed = Int.max
    var failure: FormatError?
  }
  private let state = Mutex(State())

  /// The smallest payload that is deferred, in bytes.
  static let leastSize = 1 << 18
  /// The number of files with deferred payloads, all of them open.
  private static let mostFiles = 16
  private static let pieceSize = 4 << 20

  /// Whether the deferred payloads are to be read before those of another file are added.
  var isFull: Bool { state.withLock { $0.files.count >= Self.mostFiles } }

  func append(
    _ file: InputFile, at offset: Int, count: Int, into storage: TensorStorage, name: String?
  ) {
    state.withLock { state in
      state.files.insert(file.identity)
      for start in stride(from: 0, to: count, by: Self.pieceSize) {
        state.pieces.append(
          Piece(
            file: file, fileOffset: offset + start, storage: storage, offset: start,
            count: min(Self.pieceSize, count - start), name: name))
      }
    }
  }

  /// Reads all payloads with at most `threads` threads.
  /// - Throws: `FormatError`, with the tensor's name, for the first piece that cannot be read.
  func finish(threads: Int) throws(FormatError) {
    let helpers = min(threads, state.withLock { $0.pieces.count }) - 1
    // If a thread cannot be started, the others read its pieces.
    let started = (0..<max(helpers, 0)).compactMap { _ in try? WorkThread { self.readPieces() } }
    readPieces()
    for thread in started { thread.join() }
    let result = state.withLock { state in
      defer { state = State() }
      return (
        failure: state.failure, name: state.failure.flatMap { _ in state.pieces[state.failed].name }
      )
    }
    if let failure = result.failure {
      throw failure.within(result.name.map { "tensor \($0.quoted)" } ?? "a tensor")
    }
  }

  /// Reads pieces until none is left.
  private func readPieces() {
    while let (index, piece) = next() {
      do throws(FormatError) {
        try piece.file.read(
          piece.count, at: piece.fileOffset, into: piece.storage.pointer + piece.offset)
      } catch {
        state.withLock { state in
          guard index < state.failed else { return }
          (state.failed, state.failure) = (index, error)
        }
      }
    }
  }

  private func next() -> (Int, Piece)? {
    state.withLock { state in
      guard state.next < state.pieces.count, state.failure == nil else { return nil }
      defer { state.next += 1 }
      return (state.next, state.pieces[state.next])
    }
  }
}
