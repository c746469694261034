import Glibc

/// A TCP socket, which is closed with its last use.
final class Socket: Sendable {
  /// The seconds that a connection or a reply may take.
  private static let patience = 2

  let descriptor: Int32

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    var patience = timeval(tv_sec: Self.patience, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(
        descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  convenience init?() {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    self.init(descriptor)
  }

  deinit { Glibc.close(descriptor) }

  /// Listens on a free port.
  /// - Returns: the port
  func listen(_ count: Int) -> Int? {
    var address = Self.address([0, 0, 0, 0], 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isOpen = withSocketAddress(&address) { address in
      bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, Int32(count)) == 0
        && getsockname(descriptor, address, &length) == 0
    }
    return isOpen ? Int(UInt16(bigEndian: address.sin_port)) : nil
  }

  func accept() -> Socket? {
    let other = Glibc.accept(descriptor, nil, nil)
    return other >= 0 ? Socket(other) : nil
  }

  func connect(_ host: [UInt8], _ port: UInt16) -> Bool {
    var address = Self.address(host, port)
    return withSocketAddress(&address) {
      Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }

  func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return false }
    }
    return true
  }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// The bytes that are there; none at the end of the connection, `nil` if it is broken.
  func receive() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count < 0 ? nil : Array(buffer.prefix(count))
  }

  func receive(exactly count: Int) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: count)
    return recv(descriptor, &buffer, count, Int32(MSG_WAITALL)) == count ? buffer : nil
  }

  /// The IPv4 addresses of this host, the loopback last.
  static func addresses() -> [[UInt8]] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var addresses: [[UInt8]] = []
    var next = first
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = entry.ifa_addr, Int32(address.pointee.sa_family) == AF_INET else {
        continue
      }
      addresses.append(
        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
          withUnsafeBytes(of: address.pointee.sin_addr) { Array($0.prefix(4)) }
        })
    }
    return addresses.filter { $0[0] != 127 } + addresses.filter { $0[0] == 127 }
  }

  private static func address(_ host: [UInt8], _ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: host) }
    return address
  }

  private func withSocketAddress<R>(
    _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> R
  ) -> R {
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
    }
  }
}

/// The text of the last error of the system.
func errnoText() -> String { String(cString: strerror(errno)) }
