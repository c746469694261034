import ArgumentParser
import Glibc
import ONNXFormat
import ONNXImages
import ONNXOperators
import ONNXSupport
import Synchronization

/// A command that returns its exit status.
package protocol ToolCommand: ParsableCommand {
  /// Runs the command.
  mutating func perform() throws -> ExitStatus
}

/// Parses the arguments, runs the command and exits with its status. An error becomes one line on
/// standard error and exit code 2.
package func runTool(_ name: String, _ root: any ParsableCommand.Type) -> Never {
  // When the reader of a pipe goes away, the output ends, but files are still completed.
  signal(SIGPIPE, SIG_IGN)
  // A file beyond the limit of `ulimit -f` is an error of the write.
  signal(SIGXFSZ, SIG_IGN)
  unblockSignals()
  StandardOutput.reserveStreams()
  Image.registerDecoder()
  var status = status(of: name, root)
  if let problem = StandardOutput.finish(), status != .stopped {
    writeError("\(name): standard output: \(problem)\n")
    status = .stopped
  }
  if Deadline.hasAbandonedWork {
    // A kernel may still run on a thread of its own, so nothing must be taken down under it.
    _exit(status.rawValue)
  }
  exit(status.rawValue)
}

/// Makes the signals that end a process reach this one. Whoever starts it may have blocked them for
/// itself, and a process inherits that.
private func unblockSignals() {
  var signals = sigset_t()
  sigemptyset(&signals)
  for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM] { sigaddset(&signals, number) }
  sigprocmask(SIG_UNBLOCK, &signals, nil)
}

private func status(of name: String, _ root: any ParsableCommand.Type) -> ExitStatus {
  var command: any ParsableCommand
  do {
    try checkNames(CommandLine.arguments.dropFirst(), root)
    command = try parsed(root)
  } catch let failure as Failure {
    printLastError("\(name): \(failure)")
    return .stopped
  } catch {
    return endParsing(name, root, error)
  }
  guard var command = command as? any ToolCommand else {
    // The parser's own commands throw the text that they want printed.
    do { try command.run() } catch { return endParsing(name, root, error) }
    return .fine
  }
  do { return try command.perform() } catch {
    printLastError("\(name): \(oneLine("\(error)"))")
    return .stopped
  }
}

/// The command named by the arguments.
private func parsed(_ root: any ParsableCommand.Type) throws -> any ParsableCommand {
  let arguments = Array(CommandLine.arguments.dropFirst())
  let commands = root.configuration.subcommands
  func isNamed(_ command: any ParsableCommand.Type, _ name: String) -> Bool {
    command.configuration.commandName == name
  }
  // Parsing from the root inspects the options of every command, which takes longer than a small
  // model runs.
  if let name = arguments.first, let command = commands.first(where: { isNamed($0, name) }) {
    if let command = try? command.parse(Array(arguments.dropFirst())) { return command }
  } else if let standard = root.configuration.defaultSubcommand,
    !arguments.contains(where: { name in
      name == "help" || commands.contains { isNamed($0, name) }
    }),
    let command = try? standard.parse(arguments)
  {
    return command
  }
  return try root.parseAsRoot()
}

/// Prints the requested help, or the error in the arguments.
private func endParsing(
  _ name: String, _ root: any ParsableCommand.Type, _ error: any Error
) -> ExitStatus {
  if root.exitCode(for: error) == .success {
    print(root.fullMessage(for: error))
    return .fine
  }
  let message = withSuggestion(oneLine(root.message(for: error)))
  printLastError("\(name): \(message.isEmpty ? "invalid arguments, see --help" : message)")
  return .stopped
}

/// Flushes standard output, then writes a line to standard error.
package func printError(_ line: String) {
  StandardOutput.flush()
  writeStatus(line + "\n")
}

/// Writes the error that ends the process as a line to standard error. A quiet process waits first: if
/// another one has the same error, it prints it and ends both.
private func printLastError(_ line: String) {
  StandardOutput.flush()
  if isQuiet.load(ordering: .relaxed) { sleep(2) }
  writeError(line + "\n")
}

/// Whether this process writes nothing to standard error but the error that ends it, as all ranks of a
/// training but the first.
package let isQuiet = Atomic<Bool>(false)

/// Writes text to standard error, unless the process is quiet.
func writeStatus(_ text: String) {
  if !isQuiet.load(ordering: .relaxed) { writeError(text) }
}

/// The longest error, in Unicode scalars. A path has up to 4096.
private let longestLine = 12_000

/// The text on one line, without what a terminal would obey.
package func oneLine(_ text: String) -> String {
  // A name from a file may have millions of characters.
  text.clipped(longestLine).split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " } }.joined(
    separator: " "
  )
  .escaped
}
