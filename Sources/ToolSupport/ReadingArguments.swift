import ArgumentParser
import ONNXFormat
import ONNXOperators
import ONNXSupport

/// The options of every command that reads a model.
package struct ReadingArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The folder of the model's external data. (default: that of the model)", valueName: "folder"),
    completion: .directory)
  package var externalDir: String?

  @Flag(help: "Read external data from files that have several hard links.")
  package var allowHardLinks = false

  @Flag(help: "Read external data through symbolic links that leave the model's folder.")
  package var allowLinksOutside = false

  package init() {}

  /// The arguments as options of reading.
  package var options: ReadingOptions {
    var options = ReadingOptions()
    options.externalFolder = externalDir
    options.allowsHardLinks = allowHardLinks
    options.allowsLinksOutside = allowLinksOutside
    return options
  }

  /// The arguments as they were given, for a process that reads the model.
  package var texts: [String] {
    (externalDir.map { ["--external-dir=\($0)"] } ?? [])
      + (allowHardLinks ? ["--allow-hard-links"] : [])
      + (allowLinksOutside ? ["--allow-links-outside"] : [])
  }
}

/// The most bytes of a model that is read from a stream: protobuf's own limit.
package let longestStream = 1 << 31

/// Reads a model from a file, or from standard input for `-`.
/// - Parameter threads: the number of threads; `nil` uses all CPUs of this process
/// - Throws: `Failure`, with the model's path
package func readModel(
  _ path: String, _ reading: ReadingArguments, threads: Int? = nil
) throws(Failure) -> Model {
  var options = reading.options
  options.threads = threads ?? ThreadPool.available
  return try showing("reading \(path.escaped)") { () throws(Failure) in
    guard isStream(path) else {
      do { return try Model(contentsOf: path, options: options) } catch {
        throw Failure("\(error)")
      }
    }
    let bytes = try readStream(path, limit: longestStream)
    do { return try Model(serialized: bytes, options: options) } catch {
      throw Failure(path == "-" ? "standard input" : path, error)
    }
  }
}
