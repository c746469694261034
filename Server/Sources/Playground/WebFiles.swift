import Foundation
import Hummingbird
import Serving

/// The files of the pages, read once.
struct WebFiles: Sendable {
  private struct File {
    let type: String
    let contents: ByteBuffer
  }

  private static let types = [
    "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
  ]
  private var files: [String: File] = [:]

  init() throws {
    guard let folder = Bundle.module.url(forResource: "Web", withExtension: nil) else {
      throw ServingError(
        .internalServerError,
        "the folder 'onnx-serve_Playground.resources' is missing; it belongs beside the program")
    }
    for url in try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    {
      guard let type = Self.types[url.pathExtension] else { continue }
      files[url.lastPathComponent] = File(
        type: type, contents: ByteBuffer(bytes: try Data(contentsOf: url)))
    }
  }

  func addRoutes(to router: Router<ServeContext>) {
    for (name, file) in files {
      router.get(name == "index.html" ? "/" : "/\(name)") { _, _ in
        Response(
          status: .ok,
          headers: [
            .contentType: file.type, .cacheControl: "no-cache",
            .contentSecurityPolicy:
              "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'",
          ],
          body: .init(byteBuffer: file.contents))
      }
    }
  }
}
