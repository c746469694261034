import Foundation
import ONNX
import ONNXConversion
import Synchronization
import Testing
import ToolSupport

/// Changes of models keep the outputs of the standard's cases.
@Suite(
  .enabled(if: isFolder("\(standardCases)/node"), "tools/test writes the standard's cases first"))
struct ModelChangeCasesTests {
  @Test func simplifiedCasesComputeTheSame() throws {
    var compared = 0
    for name in try ModelCase.names() {
      let item = try ModelCase(name)
      let simple = try item.model.simplified()
      #expect(simple.functions.isEmpty)
      #expect(
        simple.graph.nodes.count <= max(item.model.graph.nodes.count, 1)
          || !item.model.functions.isEmpty)
      let reread = try Model(serialized: simple.serialized())
      let before = try item.run(item.model)
      let after = try item.run(reread)
      if try isRandom(item, before) { continue }
      compared += 1
      for (output, value) in before {
        let found = after[output].flatMap { difference($0, from: value, item.tolerance) }
        #expect(found == nil && after[output] != nil, "\(name) '\(output)': \(found ?? "missing")")
      }
    }
    #expect(compared > 400)
  }

  @Test func casesKeepTheirTypesInFloat16() throws {
    for name in try ModelCase.names() {
      let item = try ModelCase(name)
      let (narrow, _) = try item.model.narrowed(to: .float16)
      let (before, after) = (try item.run(item.model), try item.run(narrow))
      for (output, value) in before {
        guard let wanted = value.tensor, let got = after[output]?.tensor else { continue }
        #expect(got.elementType == wanted.elementType, "\(name) '\(output)'")
        #expect(got.shape.count == wanted.shape.count, "\(name) '\(output)'")
      }
    }
  }

  @Test func casesAreDrawn() throws {
    for name in try ModelCase.names() {
      let drawing = GraphDrawing(try Model(contentsOf: "\(standardCases)/node/\(name)/model.onnx"))
      #expect(try drawing.svg().hasSuffix("</svg>\n"))
    }
  }

  private func isRandom(_ item: ModelCase, _ before: [String: Value]) throws -> Bool {
    let again = try item.run(item.model)
    return before.contains { name, value in
      again[name].map { difference($0, from: value, item.tolerance) != nil } ?? true
    }
  }
}
