@preconcurrency import Glibc
import ONNXSupport

/// A child process. It runs this program again, so that a crash or a hang does not end this process,
/// or another program.
///
/// Its standard input and output are pipes. Its standard error is kept in a file or shared with this
/// process.
package final class Subprocess {
  package let processID: pid_t
  /// The descriptor to read the child's output from.
  package let output: Int32
  private let input: Int32
  private let errors: Int32?
  private var status: Int32?

  /// Starts the child.
  /// - Parameters:
  ///   - program: the name or path of another program; `nil` for this one
  ///   - arguments: its arguments, without the program's name
  ///   - keepsErrors: whether its standard error is kept for `lastError`
  /// - Throws: `Failure` if the system cannot start it
  package init(
    _ program: String? = nil, arguments: [String], keepsErrors: Bool
  ) throws(Failure) {
    let toChild = try Self.pipe()
    let fromChild: (read: Int32, write: Int32)
    do { fromChild = try Self.pipe() } catch {
      Self.close([toChild.read, toChild.write])
      throw error
    }
    errors = keepsErrors ? Self.unnamedFile() : nil
    input = toChild.write
    output = fromChild.read

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, toChild.read, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, fromChild.write, STDOUT_FILENO)
    if let errors, errors >= 0 {
      posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
    }
    // A backtrace of a crash would take seconds.
    setenv("SWIFT_BACKTRACE", "enable=no", 0)
    var child = pid_t()
    let name = program ?? CommandLine.arguments.first ?? "tool"
    var strings = ([name] + arguments).map { strdup($0) } + [nil]
    let code = posix_spawnp(&child, program ?? "/proc/self/exe", &actions, nil, &strings, environ)
    for string in strings { free(string) }
    posix_spawn_file_actions_destroy(&actions)
    Self.close([toChild.read, fromChild.write])
    processID = child
    if code != 0 {
      status = 0
      throw Failure("cannot start a process: \(String(cString: strerror(code)))")
    }
  }

  deinit {
    Self.close([input, output])
    if let errors, errors >= 0 { Self.close([errors]) }
    if status == nil {
      kill(processID, SIGKILL)
      _ = wait()
    }
  }

  /// Sends text to the child. If the child has ended, `receive` will tell.
  package func send(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
      if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
    }
  }

  /// Waits for output of the child.
  /// - Returns: at most 64 KB; empty where the child has closed its output
  package func receive() -> [UInt8] {
    while true {
      var count = 0
      var code: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, initialized in
        count = read(output, buffer.baseAddress, buffer.count)
        code = errno
        initialized = max(count, 0)
      }
      if count >= 0 || code != EINTR { return bytes }
    }
  }

  /// Waits for output of the child and calls `body` every tenth of a second until then.
  /// - Returns: at most 64 KB; empty where the child has closed its output
  package func receive(_ body: () -> Void) -> [UInt8] {
    var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    while poll(&polled, 1, 100) == 0 { body() }
    return receive()
  }

  /// Kills the child.
  package func end() {
    if status == nil { kill(processID, SIGKILL) }
  }

  /// Waits for the child to end.
  /// - Returns: its exit code or signal, such as `signal 11 (…)`; `nil` for exit code 0
  package func wait() -> String? {
    var code = status ?? 0
    if status == nil {
      while waitpid(processID, &code, 0) < 0, errno == EINTR {}
      status = code
    }
    let signal = code & 0x7F
    if signal == 0 {
      let exitCode = (code >> 8) & 0xFF
      return exitCode == 0 ? nil : "exit code \(exitCode)"
    }
    return "signal \(signal) (\(String(cString: strsignal(signal))))"
  }

  /// The last line that the child wrote to standard error; `nil` for none or if it is not kept.
  package var lastError: String? {
    guard let errors, errors >= 0 else { return nil }
    let size = lseek(errors, 0, SEEK_END)
    var bytes = [UInt8](repeating: 0, count: Int(min(size, 4096)))
    let count = pread(errors, &bytes, bytes.count, max(size - 4096, 0))
    let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    return text.split(whereSeparator: \.isNewline).last.map(String.init)
  }

  private static func pipe() throws(Failure) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else {
      throw Failure("cannot create a pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// The descriptor of a deleted temporary file; negative where none can be created.
  private static func unnamedFile() -> Int32 {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var path = Array("\(folder)/errors-XXXXXX".utf8CString)
    let file = mkstemp(&path)
    if file >= 0 {
      _ = fcntl(file, F_SETFD, FD_CLOEXEC)
      unlink(path)
    }
    return file
  }

  private static func close(_ descriptors: [Int32]) {
    for descriptor in descriptors { _ = Glibc.close(descriptor) }
  }
}
