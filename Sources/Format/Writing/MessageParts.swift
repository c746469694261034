internal import COnnx

/// Building messages as protobuf-c structs in the writer's arena.
extension MessageWriter {
  /// Writes the fields that `fill` sets. Other fields of the message can be written before or after.
  func part<M: CMessage>(
    _ type: M.Type, _ fill: (inout M) throws(FormatError) -> Void
  ) throws(FormatError) {
    defer { arena.reset() }
    let message = try make(type)
    try fill(&message.pointee)
    let base = UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
    let size = protobuf_c_message_get_packed_size(base)
    guard size > 0 else { return }
    let target = try allocate(UInt8.self, size)
    _ = protobuf_c_message_pack(base, target)
    try put(UnsafeRawBufferPointer(start: target, count: size))
  }

  /// A message without fields.
  func make<M: CMessage>(_ type: M.Type) throws(FormatError) -> UnsafeMutablePointer<M> {
    let pointer = try allocate(M.self, 1)
    let base = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: ProtobufCMessage.self)
    M.descriptor.pointee.message_init(base)
    return pointer
  }

  private func allocate<T>(_ type: T.Type, _ count: Int) throws(FormatError)
    -> UnsafeMutablePointer<T>
  {
    let bytes = count * MemoryLayout<T>.stride
    guard let pointer = arena.allocate(bytes) else { throw FormatError(.outOfMemory(bytes: bytes)) }
    return pointer.bindMemory(to: T.self, capacity: count)
  }

  /// A C string; `nil` for `nil`.
  func string(_ string: String?) throws(FormatError) -> UnsafeMutablePointer<CChar>? {
    guard let string else { return nil }
    let utf8 = string.utf8
    let pointer = try allocate(CChar.self, utf8.count + 1)
    var index = 0
    for byte in utf8 {
      guard byte != 0 else {
        throw FormatError(
          .invalid(
            "the text \(string.quoted) contains a NUL character, which ONNX files cannot hold"))
      }
      pointer[index] = CChar(bitPattern: byte)
      index += 1
    }
    pointer[index] = 0
    return pointer
  }

  /// A C array; `nil` if it is empty.
  func array<T>(_ values: [T]) throws(FormatError) -> UnsafeMutablePointer<T>? {
    guard !values.isEmpty else { return nil }
    let pointer = try allocate(T.self, values.count)
    pointer.initialize(from: values, count: values.count)
    return pointer
  }

  /// A C array of C strings; `nil` if it is empty.
  func strings(_ values: [String]) throws(FormatError)
    -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  {
    guard !values.isEmpty else { return nil }
    let pointer = try allocate(UnsafeMutablePointer<CChar>?.self, values.count)
    for (index, value) in values.enumerated() {
      (pointer + index).initialize(to: try string(value))
    }
    return pointer
  }

  /// A C array of messages, one for each value; `nil` if it is empty.
  func messages<T, M: CMessage>(
    _ values: [T], _ type: M.Type, _ fill: (inout M, T) throws(FormatError) -> Void
  ) throws(FormatError) -> UnsafeMutablePointer<UnsafeMutablePointer<M>?>? {
    guard !values.isEmpty else { return nil }
    let pointer = try allocate(UnsafeMutablePointer<M>?.self, values.count)
    for (index, value) in values.enumerated() {
      let message = try make(type)
      try fill(&message.pointee, value)
      (pointer + index).initialize(to: message)
    }
    return pointer
  }

  func entries(_ entries: [MetadataEntry]) throws(FormatError)
    -> UnsafeMutablePointer<UnsafeMutablePointer<Onnx__StringStringEntryProto>?>?
  {
    try messages(entries, Onnx__StringStringEntryProto.self) {
      (message, entry) throws(FormatError) in
      if !entry.omitsKey || !entry.key.isEmpty { message.key = try string(entry.key) }
      if !entry.omitsValue || !entry.value.isEmpty { message.value = try string(entry.value) }
    }
  }

  func operatorSets(_ imports: [OperatorSetImport]) throws(FormatError)
    -> UnsafeMutablePointer<UnsafeMutablePointer<Onnx__OperatorSetIdProto>?>?
  {
    try messages(imports, Onnx__OperatorSetIdProto.self) { (message, set) throws(FormatError) in
      message.domain = try string(set.domain)
      message.has_version = 1
      message.version = set.version
    }
  }
}
