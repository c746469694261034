import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Testing

@testable import Serving

/// A connection on which time passes as told, with the guard as its only handler.
private struct Connection {
  let channel: EmbeddedChannel
  let limits: ConnectionLimits

  init(_ change: (inout ServerOptions) -> Void = { _ in }) throws {
    var options = ServerOptions(folder: "")
    options.transferTimeout = .seconds(10)
    change(&options)
    limits = ConnectionLimits(options)
    channel = EmbeddedChannel(handler: ConnectionGuard(limits))
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
  }

  func receive(head fields: HTTPFields = [:]) throws {
    try receive(
      .head(
        HTTPRequest(
          method: .post, scheme: "http", authority: "localhost", path: "/", headerFields: fields)))
  }

  func receive(_ part: HTTPRequestPart) throws { try channel.writeInbound(part) }

  func receive(body count: Int) throws {
    try receive(.body(ByteBuffer(repeating: 0x20, count: count)))
  }

  func respond(_ status: HTTPResponse.Status = .ok, _ fields: HTTPFields = [:]) throws {
    try channel.writeOutbound(
      HTTPResponsePart.head(HTTPResponse(status: status, headerFields: fields)))
    try channel.writeOutbound(HTTPResponsePart.end(nil))
  }

  func nextHead() throws -> HTTPResponse? {
    while let part = try channel.readOutbound(as: HTTPResponsePart.self) {
      if case .head(let head) = part { return head }
    }
    return nil
  }

  func advance(_ seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }
}

struct ConnectionGuardTests {
  @Test func aRequestThatTricklesEndsWith408() throws {
    let connection = try Connection()
    try connection.receive(head: [.contentLength: "100"])
    for _ in 0..<9 {
      connection.advance(1)
      try connection.receive(body: 1)
    }
    let error = #expect(throws: ServingError.self) {
      connection.advance(1)
      try connection.channel.throwIfErrorCaught()
    }
    #expect(error?.status == .requestTimeout)
    try connection.respond(.requestTimeout)
    #expect(try connection.nextHead()?.headerFields[.connection] == "close")
    connection.advance(2)
    #expect(!connection.channel.isActive)
  }

  @Test func aRequestThatArrivedHasNoTimeLimit() throws {
    let connection = try Connection()
    try connection.receive(head: [.contentLength: "1"])
    try connection.receive(body: 1)
    try connection.receive(.end(nil))
    connection.advance(100)
    try connection.channel.throwIfErrorCaught()
    try connection.respond()
    #expect(try connection.nextHead()?.headerFields[.connection] == nil)
    #expect(connection.channel.isActive)
  }

  @Test func aResponseThatIsNotReadIsGivenUp() throws {
    let connection = try Connection()
    try connection.receive(head: [:])
    try connection.receive(.end(nil))
    connection.channel.isWritable = false
    connection.channel.pipeline.fireChannelWritabilityChanged()
    connection.advance(9)
    #expect(connection.channel.isActive)
    connection.advance(1)
    #expect(!connection.channel.isActive)
  }

  @Test func aResponseThatIsReadSlowlyGoesOn() throws {
    let connection = try Connection()
    for _ in 0..<4 {
      connection.channel.isWritable = false
      connection.channel.pipeline.fireChannelWritabilityChanged()
      connection.advance(9)
      connection.channel.isWritable = true
      connection.channel.pipeline.fireChannelWritabilityChanged()
    }
    #expect(connection.channel.isActive)
  }

  @Test func bodiesThatDoNotFitTogetherAreRefusedAndForgotten() throws {
    let connection = try Connection { $0.maxBodies = 100 }
    try connection.receive(head: [:])
    try connection.receive(body: 60)
    let error = #expect(throws: ServingError.self) {
      try connection.receive(body: 60)
      try connection.channel.throwIfErrorCaught()
    }
    #expect(error?.status == .serviceUnavailable)
    #expect(connection.limits.bytesHeld == 60)
    try connection.respond(.serviceUnavailable)
    #expect(connection.limits.bytesHeld == 0)
  }

  @Test func aConnectionThatIsLostHoldsNothing() throws {
    let connection = try Connection()
    try connection.receive(head: [:])
    try connection.receive(body: 60)
    #expect(connection.limits.bytesHeld == 60)
    try connection.channel.close().wait()
    connection.advance(0)
    #expect(connection.limits.bytesHeld == 0)
  }

  @Test func aResponseBeforeTheBodyEndsTheConnection() throws {
    let connection = try Connection()
    try connection.receive(head: [.contentLength: "100"])
    try connection.respond(.notFound)
    #expect(try connection.nextHead()?.headerFields[.connection] == "close")
    try connection.receive(body: 10)
    #expect(connection.limits.bytesHeld == 0)
    connection.advance(2)
    #expect(!connection.channel.isActive)
  }

  @Test func aClientThatAsksIsToldToContinue() throws {
    let connection = try Connection { $0.maxBody = 100 }
    try connection.receive(head: [.expect: "100-Continue", .contentLength: "100"])
    #expect(try connection.nextHead()?.status == .continue)
  }

  @Test func aClientWhoseBodyIsTooLargeIsNotToldToContinue() throws {
    let connection = try Connection { $0.maxBody = 100 }
    try connection.receive(head: [.expect: "100-continue", .contentLength: "101"])
    #expect(try connection.nextHead() == nil)
  }

  @Test(arguments: [
    (HTTPParserError.headerOverflow, HTTPResponse.Status.requestHeaderFieldsTooLarge),
    (.invalidChunkSize, .badRequest),
  ])
  func whatIsNotHTTPIsExplained(_ error: HTTPParserError, _ status: HTTPResponse.Status) throws {
    let connection = try Connection()
    connection.channel.pipeline.fireErrorCaught(error)
    try connection.respond(.badRequest, [.connection: "close", .contentLength: "0"])
    let head = try #require(try connection.nextHead())
    #expect(head.status == status)
    guard case .body(let body) = try connection.channel.readOutbound(as: HTTPResponsePart.self)
    else {
      Issue.record("a body is expected")
      return
    }
    #expect(head.headerFields[.contentLength] == "\(body.readableBytes)")
    #expect(String(buffer: body).hasPrefix("{\"error\":\"the "))
    connection.advance(2)
    #expect(!connection.channel.isActive)
  }

  @Test func aRequestThatIsOnItsWayWhenTheServerStopsIsAnswered() throws {
    let connection = try Connection()
    connection.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    try connection.receive(head: [:])
    try connection.receive(.end(nil))
    try connection.respond()
    #expect(try connection.nextHead()?.headerFields[.connection] == "close")
    connection.advance(2)
    #expect(!connection.channel.isActive)
  }

  @Test func theLastResponseSaysThatTheServerStops() throws {
    let connection = try Connection()
    try connection.receive(head: [:])
    try connection.receive(.end(nil))
    connection.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    try connection.respond()
    #expect(try connection.nextHead()?.headerFields[.connection] == "close")
  }
}
