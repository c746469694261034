import Glibc
public import Readers

/// A file without a name that takes one input after the other.
private let descriptor: CInt = {
  var path = Array("/dev/shm/fuzz-XXXXXX".utf8CString)
  let descriptor = mkstemp(&path)
  guard descriptor >= 0, unlink(path) == 0 else { fatalError("no file can be made in /dev/shm") }
  return descriptor
}()

/// Reads a file of these bytes. That it is refused is as good as that it is read; that it comes back
/// changed stops the program, for libFuzzer to keep the input.
public func fuzz(_ reader: Reader, _ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard pwrite(descriptor, start, count, 0) == count, ftruncate(descriptor, count) == 0 else {
    fatalError("the file in /dev/shm cannot be written")
  }
  do {
    try reader.read("/proc/self/fd/\(descriptor)")
  } catch let changed as Reader.Changed {
    fatalError("came back changed: \(changed.reason)")
  } catch {
    _ = "\(error)"
  }
  return 0
}
