import ArgumentParser
import Logging
import Serving

/// How events are logged.
struct LogOptions: ParsableArguments {
  @Option(help: "The form of the log on standard error: text or json.")
  var logFormat = LineLogHandler.Format.text

  @Option(
    help: """
      The least level that is logged: trace, debug, info, notice, warning, error or critical. Requests \
      that succeed are logged at debug.
      """)
  var logLevel = Logger.Level.info

  /// A logger of the server.
  func logger() -> Logger {
    let (format, level) = (logFormat, logLevel)
    LoggingSystem.bootstrap { _ in
      var handler = LineLogHandler(format)
      handler.logLevel = level
      return handler
    }
    return Logger(label: "onnx-serve")
  }
}

extension LineLogHandler.Format: ExpressibleByArgument {}
extension Logger.Level: @retroactive ExpressibleByArgument {}
