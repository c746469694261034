import ArgumentParser
import Glibc
import ONNX
import ONNXImages

/// A command that says how it ended instead of throwing an exit code.
public protocol ToolCommand: ParsableCommand {
  mutating func perform() throws -> ExitStatus
}

/// Parses the arguments, performs the command and ends the process: 0, 1 or 2, every error one line
/// on standard error.
public func runTool(_ name: String, _ root: any ParsableCommand.Type) -> Never {
  // A reader that goes away ends the output, not with a signal in the middle of a file.
  signal(SIGPIPE, SIG_IGN)
  Image.registerDecoder()
  var status = status(of: name, root)
  if fflush(nil) != 0, errno != EPIPE {
    printError("\(name): standard output: \(String(cString: strerror(errno)))")
    status = .stopped
  }
  exit(status.rawValue)
}

private func status(of name: String, _ root: any ParsableCommand.Type) -> ExitStatus {
  var command: any ParsableCommand
  do {
    command = try parsed(root)
  } catch {
    return endParsing(name, root, error)
  }
  guard var command = command as? any ToolCommand else {
    // The parser's own commands print by throwing what is to be printed.
    do { try command.run() } catch { return endParsing(name, root, error) }
    return .fine
  }
  do { return try command.perform() } catch {
    printError("\(name): \(oneLine("\(error)"))")
    return .stopped
  }
}

/// The command that the arguments ask for.
private func parsed(_ root: any ParsableCommand.Type) throws -> any ParsableCommand {
  let arguments = Array(CommandLine.arguments.dropFirst())
  let commands = root.configuration.subcommands
  func isNamed(_ command: any ParsableCommand.Type, _ name: String) -> Bool {
    command.configuration.commandName == name
  }
  // The root looks at the options of all its commands, which takes longer than a small model.
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

/// Prints the help that was asked for, or what is wrong with the arguments.
private func endParsing(
  _ name: String, _ root: any ParsableCommand.Type, _ error: any Error
) -> ExitStatus {
  if root.exitCode(for: error) == .success {
    print(root.fullMessage(for: error))
    return .fine
  }
  let message = oneLine(root.message(for: error))
  printError("\(name): \(message.isEmpty ? "wrong arguments, see --help" : message)")
  return .stopped
}

/// Writes a line to standard error, after what was printed before.
public func printError(_ line: String) {
  fflush(nil)
  writeError(line + "\n")
}

/// Writes text to standard error at once.
func writeError(_ text: String) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
  }
}

private func oneLine(_ text: String) -> String {
  text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " } }.joined(separator: " ")
    .escaped
}
