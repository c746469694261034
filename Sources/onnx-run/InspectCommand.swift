import ArgumentParser
import ToolSupport
struct InspectCommand: ToolCommand {
  static let configuration = CommandConfiguration(commandName: "inspect")
  func perform() throws -> ExitStatus { .fine }
}
