import Glibc

/// Serves requests until standard input ends. A zero byte ends each request and each answer.
/// - Parameters:
///   - patience: the seconds after which a request ends the process
///   - answer: answers a request in one or more parts, which are written at once
package func serveRequests(
  patience: UInt32, _ answer: (_ request: String, _ write: (String) -> Void) -> Void
) {
  var pending: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(STDIN_FILENO, &chunk, chunk.count)
    if count <= 0 { return }
    pending += chunk.prefix(count)
    while let end = pending.firstIndex(of: 0) {
      let request = String(decoding: pending[..<end], as: UTF8.self)
      pending.removeSubrange(...end)
      // Ends this process if its parent has died and cannot.
      alarm(patience)
      answer(request) { text in
        print(text, terminator: "")
        fflush(nil)
      }
      alarm(0)
      print("\0", terminator: "")
      fflush(nil)
    }
  }
}
