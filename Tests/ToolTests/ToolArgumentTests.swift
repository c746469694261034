import Foundation
import Testing
import ToolSupport

/// Names, sizes, versions and help of all tools.
struct ToolArgumentTests {
  static let tools = ["onnx-run", "onnx-train", "onnx-convert"]

  @Test func suggestsSimilarNames() throws {
    try expectStop(["inspct"], "'inspct' is no command and no file, did you mean 'inspect'?")
    try expectStop(["explain", "fliters"], "did you mean 'filters'?")
    try expectStop(["x.onnx", "--sahpe", "1"], "Did you mean '--shape'?")
    try expectStop(["x.onnx", "--precision", "bfloat16"], "Did you mean 'bf16'?")
    for (tool, arguments, text) in [
      ("onnx-convert", ["--to", "fp16", "a.onnx", "b.onnx"], "Did you mean 'float16'?"),
      ("onnx-convert", ["--to", "in8", "a.onnx", "b.onnx"], "Did you mean 'int8'?"),
      ("onnx-train", ["nwe"], "'nwe' is no command, did you mean 'new'?"),
      ("onnx-train", ["new", "lenet"], "Did you mean 'lenet5'?"),
    ] {
      let tool = try Tool(arguments, path: Tool.path(of: tool))
      #expect(tool.status == 2)
      #expect(tool.errors.contains(text), "\(tool.errors)")
    }
  }

  @Test(arguments: [
    ("0", 0), ("1000", 1000), ("1KB", 1000), ("1k", 1000), ("16MB", 16_000_000),
    ("2GiB", 2 << 30), ("1.5 KiB", 1536),
  ])
  func readsSizes(_ text: String, _ bytes: Int) throws {
    #expect(try parseBytes(text) == bytes)
  }

  @Test(arguments: ["", "KB", "-5", "1XB", "1iB", "1e5", "99999999TB"])
  func refusesOtherSizes(_ text: String) {
    #expect(throws: (any Error).self) { try parseBytes(text) }
  }

  /// The version is that of the newest section of the changelog, or the next one while there are
  /// unreleased changes.
  @Test func versionAgreesWithTheChangelog() throws {
    let text = try String(contentsOfFile: packageFile("CHANGELOG.md"), encoding: .utf8)
    let heads = text.split(separator: "\n").filter { $0.hasPrefix("## ") }.map { $0.dropFirst(3) }
    let first = try #require(heads.first)
    if first == "Unreleased" {
      #expect(toolVersion.hasSuffix("-dev"))
      #expect(toolVersion.dropLast(4).compare(heads[1], options: .numeric) == .orderedDescending)
    } else {
      #expect(first.prefix { $0 != " " } == toolVersion)
    }
    for name in Self.tools {
      let tool = try Tool(["--version"], path: Tool.path(of: name))
      #expect(tool.output == "\(name) \(toolVersion)\n")
      #expect(tool.status == 0)
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func writesCompletions(_ shell: String) throws {
    for name in Self.tools {
      let tool = try Tool(["--generate-completion-script", shell], path: Tool.path(of: name))
      #expect(tool.status == 0)
      #expect(tool.output.contains(name))
    }
  }

  @Test(arguments: [
    (
      "onnx-run",
      [""]
        + "run compare eval test bench inspect generate operators machine".split(
          separator: " "
        ).map(String.init)
    ),
    ("onnx-train", ["", "new", "tune", "compare"]), ("onnx-convert", [""]),
  ])
  func helpFitsATerminal(_ tool: String, _ commands: [String]) throws {
    for command in commands {
      let help = try Tool(
        command.isEmpty ? ["--help"] : [command, "--help"], path: Tool.path(of: tool))
      #expect(help.status == 0)
      var isUsage = false
      var previous = ""
      for line in help.output.split(separator: "\n", omittingEmptySubsequences: false) {
        isUsage = line.hasPrefix("USAGE:") || isUsage && !line.isEmpty
        if !isUsage {
          #expect(line.count <= 80, "\(tool) \(command): \(line)")
        }
        // A short line inside a paragraph is a break in the source.
        if !previous.isEmpty, previous.first != " ", line.first?.isLowercase == true {
          let word = line.prefix { $0 != " " }
          #expect(previous.count + 1 + word.count > 72, "\(tool) \(command): \(previous)")
        }
        previous = line.contains("USAGE:") ? "" : String(line)
      }
    }
  }
}
