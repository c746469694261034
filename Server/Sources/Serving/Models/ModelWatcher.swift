import Logging
import ServiceLifecycle

/// Keeps the models up to date with their folder.
struct ModelWatcher: Service {
  let repository: ModelRepository
  let logger: Logger

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        try await Task.sleep(for: .seconds(1))
        for change in await repository.refresh() {
          logger.log(level: change.isProblem ? .warning : .notice, "\(change)")
        }
      }
    }
  }
}
