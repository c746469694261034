import ONNX
import ONNXConversion
import Testing

/// `Texts/everything.json` was written by `google.protobuf.json_format` for the model beside it:
/// `tools/generate/conversion_texts.py`.
@Suite struct JSONTests {
  @Test func readsWhatPythonWrites() throws {
    let model = try Model(json: try TextExamples.bytes("everything.json"))
    let expected = try Model(contentsOf: TextExamples.path("everything.onnx"))
    #expect(try model.serialized() == expected.serialized())
  }

  @Test func jsonOfAModelReadsBack() throws {
    var model = try Model(contentsOf: TextExamples.path("everything.onnx"))
    model.docString = "\u{1F600} ß \n \u{7F} \" \\"
    model.graph.nodes[0].attributes = [
      .floats("special", [.nan, .infinity, -.infinity, Float.leastNonzeroMagnitude, 3.4028235e38]),
      .tensor("bytes", Tensor(shape: [5], [1, 2, 3, 4, 255] as [UInt8])),
    ]
    #expect(try Model(json: model.json()).serialized() == model.serialized())
  }

  @Test func fieldsAreNamedAsProtobufDoes() throws {
    let model = TextExamples.model(attributes: [
      .int("i", -1), .string("s", "a"), .tensor("t", Tensor(shape: [2], [1, 2] as [UInt8])),
    ])
    let text = String(decoding: try model.json(), as: UTF8.self)
    for part in [
      "\"irVersion\": \"10\"", "\"opType\": \"A\"", "\"i\": \"-1\"", "\"type\": \"INT\"",
      "\"s\": \"YQ==\"", "\"rawData\": \"AQI=\"", "\"dataType\": 2",
      "\"dims\": [\n                \"2\"\n              ]",
    ] {
      #expect(text.contains(part), "\(part)")
    }
  }

  /// Names in the standard's spelling, numbers as strings, enumerations as numbers, `null` for nothing.
  @Test func otherSpellingsAreRead() throws {
    let expected = try Model(
      json: """
        {"irVersion": "7", "graph": {"name": "g", "node": [{"opType": "A", "output": ["y"],
          "attribute": [{"name": "f", "f": 0.5, "type": "FLOAT"}]}]}}
        """)
    let other = try Model(
      json: """
        {"ir_version": 7.0, "producer_name": null, "graph": {"node": [{"op_type": "\\u0041",
          "output": ["y"], "attribute": [{"type": 1, "f": "5e-1", "name": "f"}]}], "name": "g"}}
        """)
    #expect(try expected.serialized() == other.serialized())
  }

  @Test(arguments: [
    ("", "line 1, column 1: expected '{', found the end"),
    ("{\"graph\": {}} x", "line 1, column 15: expected the end"),
    ("{\"graph\":\n {\"nam\": \"\"}}", "line 2, column 3: GraphProto has no field 'nam'"),
    ("{\"irVersion\": 1, \"ir_version\": 1}", "ModelProto has the field 'ir_version' twice"),
    ("{\"irVersion\": 9223372036854775808}", "'9223372036854775808' is not a value of irVersion"),
    ("{\"irVersion\": 1.5}", "'1.5' is not a value of irVersion"),
    ("{\"irVersion\": true}", "expected a value of irVersion"),
    ("{\"irVersion\": 01}", "a number has a leading zero"),
    ("{\"domain\": 1}", "expected '\"', found '1'"),
    ("{\"domain\": \"\\ud800\"}", "an unpaired surrogate"),
    ("{\"domain\": \"\\x\"}", "unknown escape sequence"),
    ("{\"domain\": \"a", "a string is not terminated"),
    ("{\"domain\": \"\u{1}\"}", "a string holds a control character"),
    ("{\"opsetImport\": [null]}", "a list has the element null"),
    ("{\"opsetImport\": {}}", "expected '[', found '{'"),
    ("{}", "the message has no graph"),
    ("{\"graph\": {\"initializer\": [{\"rawData\": \"A\"}]}}", "the string is not base64"),
    (
      "{\"graph\": {\"initializer\": [{\"floatData\": [1e39]}]}}",
      "'1e39' is not a value of floatData"
    ),
    (
      "{\"graph\": {\"initializer\": [{\"dataLocation\": \"HERE\"}]}}",
      "is not a value of dataLocation"
    ),
    (
      "{\"graph\": {\"input\": [{\"type\": {\"tensorType\": {}, \"mapType\": {}}}]}}",
      "'mapType' excludes a field before it"
    ),
  ]) func badJSONIsAnError(text: String, message: String) {
    let error = #expect(throws: ConversionError.self) { try Model(json: text) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func deepNestingIsAnError() {
    let inner = "{\"node\": [{\"attribute\": [{\"g\": "
    let text = "{\"graph\": " + String(repeating: inner, count: 10_000)
    let error = #expect(throws: ConversionError.self) { try Model(json: text) }
    #expect(error?.description.contains("nested deeper than 100") == true)
  }

  /// Truncated texts and texts with a changed byte give a model or an error.
  @Test func damagedTextsDoNotTrap() throws {
    let text = try TextExamples.bytes("everything.json")
    var random = TextExamples.Random()
    for _ in 0..<60 {
      var damaged = text
      for _ in 0..<2 {
        damaged[Int.random(in: 0..<text.count, using: &random)] = .random(in: 0...127)
      }
      if let model = try? Model(json: damaged) { _ = try? model.json() }
      _ = try? Model(json: Array(text.prefix(.random(in: 0..<text.count, using: &random))))
    }
  }
}
