import ArgumentParser
import ONNXInterpreter
import ONNXSupport

/// Checks the names of subcommands at the start of the arguments.
/// - Throws: `Failure` for one that is unknown and similar to a subcommand; where it may also be the
///   argument of the default subcommand, only if there is no such file
func checkNames(
  _ arguments: ArraySlice<String>, _ command: any ParsableCommand.Type
) throws(Failure) {
  let commands = command.configuration.subcommands
  guard let name = arguments.first, !name.hasPrefix("-"), name != "help", !commands.isEmpty else {
    return
  }
  func commandName(_ command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? ""
  }
  if let next = commands.first(where: { commandName($0) == name }) {
    return try checkNames(arguments.dropFirst(), next)
  }
  let hasDefault = command.configuration.defaultSubcommand != nil
  if hasDefault, fileExists(name) || name.contains("/") || name.contains(".") { return }
  let names = commands.filter { $0.configuration.shouldDisplay }.map { commandName($0) }
  if let similar = nearest(name, names) {
    throw Failure(
      "\(name.quoted) is no command\(hasDefault ? " and no file" : ""), did you mean "
        + "\(similar.quoted)?")
  }
  guard hasDefault else {
    throw Failure("\(name.quoted) is no command; there are \(names.joined(separator: ", "))")
  }
}

/// Names of the same element type.
private let synonyms = [
  ["float16", "fp16", "f16", "half"], ["bfloat16", "bf16"],
  ["float32", "fp32", "f32", "float", "single"], ["int8", "i8", "w8"], ["int4", "i4", "w4"],
]

/// The parser's message about an invalid value, with the most similar of the values it lists.
func withSuggestion(_ message: String) -> String {
  guard message.hasPrefix("The value '"),
    let list = message.firstRange(of: "Please provide one of "),
    let end = message.firstRange(of: "' is invalid for ")
  else { return message }
  let value = String(message[..<end.lowerBound].dropFirst("The value '".count))
  let values = message[list.upperBound...].split { " ,.:'".contains($0) }.map(String.init)
    .filter { !["the", "following", "and", "or", "-"].contains($0) }
  let group = synonyms.first { $0.contains(value.lowercased()) }
  let synonym = group.flatMap { group in values.first(where: group.contains) }
  guard let similar = synonym ?? nearest(value, values) else { return message }
  return message + (message.hasSuffix(".") ? "" : ".") + " Did you mean \(similar.quoted)?"
}
