import Foundation
import PackagePlugin

/// Gives every `.onnx` file in a target's folder a Swift type with a function call for each run.
@main
struct ONNXModels: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
    guard let module = target as? SourceModuleTarget else { return [] }
    let files = Array(module.sourceFiles).sorted { $0.url.path < $1.url.path }
    let settings = try Settings(files)
    let models = files.filter { $0.url.pathExtension == "onnx" }
    try Self.checkNames(models.map(\.url))
    let generator = try context.tool(named: "onnx-model-types").url
    return try models.map { file in
      guard file.type != .resource else {
        throw PluginError(
          "\(file.url.path): the plugin ONNXModels adds the model to the target; "
            + "remove it from `resources` in Package.swift")
      }
      let name = file.url.lastPathComponent
      let model = try Data(contentsOf: file.url, options: .mappedIfSafe)
      let source = context.pluginWorkDirectoryURL.appending(path: name + ".swift")
      var inputs = [file.url, file.url.resolvingSymlinksInPath()] + settings.files
      var outputs = [source]
      var arguments = [file.url.path, source.path, settings.access]
      // Each tensor in a file of its own states the key `location` and the name of the file.
      let hasExternalData = model.range(of: Data("location".utf8)) != nil
      if hasExternalData {
        inputs += files.filter { $0.type == .unknown && $0.url != file.url }.map(\.url)
          .filter { model.range(of: Data($0.lastPathComponent.utf8)) != nil }
      }
      if hasExternalData || model.count > settings.embed {
        let resource = context.pluginWorkDirectoryURL.appending(path: name)
        outputs.append(resource)
        arguments.append(resource.path)
      }
      return .buildCommand(
        displayName: "Making the Swift type of \(name)", executable: generator,
        arguments: arguments, inputFiles: inputs, outputFiles: outputs)
    }
  }

  /// Refuses models whose types or files would have the same name.
  private static func checkNames(_ models: [URL]) throws {
    var seen: [String: URL] = [:]
    for model in models {
      let letters = model.deletingPathExtension().lastPathComponent.lowercased()
        .filter { $0.isLetter || $0.isNumber }
      if let other = seen.updateValue(model, forKey: letters) {
        throw PluginError(
          "\(other.path) and \(model.path) would make types of the same name; rename one of them")
      }
    }
  }
}

/// The contents of `onnx-models.json` in the target's folder or one below. All keys may be left out.
private struct Settings {
  /// The access level of the types: `internal` (the default), `package` or `public`.
  var access = "internal"
  /// Models of up to this many bytes are in the binary, larger ones are resources.
  var embed = 256 << 10
  /// The file, if there is one.
  var files: [URL] = []

  init(_ all: [File]) throws {
    let name = "onnx-models.json"
    guard let file = all.first(where: { $0.url.lastPathComponent == name })?.url else { return }
    files = [file]
    func fail(_ reason: String) -> PluginError { PluginError("\(file.path): \(reason)") }
    guard
      let object = try? JSONSerialization.jsonObject(with: Data(contentsOf: file)),
      let entries = object as? [String: Any]
    else { throw fail("expected a JSON object") }
    for (key, value) in entries.sorted(by: { $0.key < $1.key }) {
      switch key {
      case "access":
        guard let level = value as? String, ["internal", "package", "public"].contains(level)
        else { throw fail("expected \"internal\", \"package\" or \"public\" for 'access'") }
        access = level
      case "embed":
        guard let bytes = value as? Int, bytes >= 0 else {
          throw fail("expected a number of bytes for 'embed'")
        }
        embed = bytes
      default: throw fail("unknown key '\(key)'; expected 'access' or 'embed'")
      }
    }
  }
}

private struct PluginError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
