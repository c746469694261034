@preconcurrency import Glibc

/// This program run again as a child, that a crash or a hang there ends nothing here.
///
/// Its standard input and output are pipes; what it writes to standard error is kept aside, or goes
/// where this process's own goes.
public final class Subprocess {
  public let processID: pid_t
  /// Where the child's output is read.
  public let output: Int32
  private let input: Int32
  private let errors: Int32?
  private var status: Int32?

  /// Starts this program with other arguments (its name not included).
  /// - Throws: `Failure`
  public init(arguments: [String], keepsErrors: Bool) throws(Failure) {
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
    // The backtrace of a crash takes seconds and nobody reads it.
    setenv("SWIFT_BACKTRACE", "enable=no", 0)
    var child = pid_t()
    var strings = ([CommandLine.arguments.first ?? "tool"] + arguments).map { strdup($0) } + [nil]
    let code = posix_spawn(&child, "/proc/self/exe", &actions, nil, &strings, environ)
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

  /// Sends bytes to the child. Whether it is still there shows at its output.
  public func send(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
      if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
    }
  }

  /// Reads what the child has written, at most 64 KB; waits where that is nothing yet.
  /// - Returns: empty where the child has closed its output
  public func receive() -> [UInt8] {
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

  /// Reads what the child has written, calling `body` every tenth of a second until there is
  /// something.
  /// - Returns: empty where the child has closed its output
  public func receive(_ body: () -> Void) -> [UInt8] {
    var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    while poll(&polled, 1, 100) == 0 { body() }
    return receive()
  }

  /// Ends the child at once.
  public func end() {
    if status == nil { kill(processID, SIGKILL) }
  }

  /// Waits for the child's end.
  /// - Returns: what ended it where that was not its own will, such as `signal 11 (…)`
  public func wait() -> String? {
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

  /// The last line that the child wrote to standard error and that was kept.
  public var lastError: String? {
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
      throw Failure("cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// A file that goes with its last descriptor; negative where none can be made.
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
