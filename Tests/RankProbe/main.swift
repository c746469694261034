import Glibc
import ONNX
import ONNXDistributed
import ONNXFormat
import ONNXSupport

import ONNXTraining

// A rank of a training without a model, for tests and measurements:
//   rank-probe network                     the latency and rate of the network, as JSON
//   rank-probe step BYTES MILLISECONDS [BUCKET]  steps with that many bytes of gradients in 32 sums and that
//                                          much computation a shard, of 4 shards, as JSON
//   rank-probe sums                        a hash of sums over 8 shards
//   rank-probe fail [kill|exit|error|all] [RANK]  how the others end when one dies, or all have an error

func microseconds(_ body: () throws -> Void) rethrows -> Double {
  let duration = try ContinuousClock().measure(body)
  return Double(duration.components.seconds) * 1e6 + Double(duration.components.attoseconds) / 1e12
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func network(_ ranks: OpenMPICommunicator) throws {
  func exchange(_ count: Int) throws -> Double {
    let send = [UInt8](repeating: 1, count: count)
    var receive = [UInt8](repeating: 0, count: count * ranks.size)
    let repeats = 10
    let times = try (0..<5).map { _ in
      _ = try ranks.gather([])
      return try microseconds {
        // Each one waits for the one before of the other rank.
        for _ in 0..<repeats {
          try receive.withUnsafeMutableBytes { receive in
            try send.withUnsafeBytes { send in
              try ranks.startGather(
                send, into: receive,
                receiveCounts: Array(repeating: count, count: ranks.size), tag: 0
              ).wait()
            }
          }
        }
      } / Double(repeats)
    }
    return median(times)
  }
  let (small, large) = (64, 1 << 20)
  let (short, long) = (try exchange(small), try exchange(large))
  if ranks.rank == 0 {
    let rate = Double(large - small) / (long - short)
    print(
      #"{"ranks": \#(ranks.size), "alpha_us": \#(short), "MB_per_s": \#(rate)}"#)
  }
}

func step(
  _ ranks: OpenMPICommunicator, bytes: Int, milliseconds: Double, bucket: Int
) throws {
  let slots = 32
  let type = TensorType(.float32, [max(1, bytes / 4 / slots)])
  let exchange = try ShardExchange(
    slots: Array(repeating: type, count: slots), shards: 4, communicator: ranks,
    bucketBytes: bucket)
  let gradient = [Float](repeating: 1, count: max(1, bytes / 4 / slots))
  var times: [Double] = []
  for _ in 0..<20 {
    _ = try ranks.gather([])
    times.append(
      try microseconds {
        exchange.begin()
        for shard in exchange.localShards {
          for slot in 0..<slots {
            let end = ContinuousClock.now + .microseconds(milliseconds * 1000 / Double(slots))
            while ContinuousClock.now < end {}
            try gradient.withUnsafeBytes { try exchange.add($0, slot: slot, shard: shard) }
          }
        }
        _ = try exchange.finish()
      })
  }
  if ranks.rank == 0 {
    print(
      #"{"ranks": \#(ranks.size), "bytes": \#(bytes), "compute_ms": \#(milliseconds), "#
        + #""step_ms": \#(median(times) / 1000)}"#)
  }
}

func sums(_ ranks: OpenMPICommunicator) throws {
  let sizes = [3, 5000, 1, 70_000]
  let exchange = try ShardExchange(
    slots: sizes.map { TensorType(.float32, [$0]) }, shards: 8, communicator: ranks,
    bucketBytes: 1 << 14)
  var hash: UInt64 = 14_695_981_039_346_656_037
  for step in 0..<3 {
    exchange.begin()
    for shard in exchange.localShards {
      for (slot, size) in sizes.enumerated() {
        var random = RandomStream(seed: UInt64(step), UInt64(shard), UInt64(slot))
        let term = (0..<size).map { _ in Float(random.normal()) }
        try term.withUnsafeBytes { try exchange.add($0, slot: slot, shard: shard) }
      }
    }
    for sum in try exchange.finish() {
      for bits in sum.bits(as: UInt32.self) { hash = (hash ^ UInt64(bits)) &* 1_099_511_628_211 }
    }
  }
  print("rank \(ranks.rank) \(String(hash, radix: 16))")
}

func fail(_ ranks: OpenMPICommunicator, _ way: String, rank: Int) throws {
  if way == "all" { ranks.abort("rank-probe: the data is damaged") }
  if ranks.rank == rank {
    usleep(200_000)
    switch way {
    case "kill": kill(getpid(), SIGKILL)
    case "exit": exit(3)
    default: ranks.abort("rank-probe: the data of rank \(rank) is damaged")
    }
  }
  while true { _ = try ranks.gather([]) }
}

do {
  let arguments = Array(CommandLine.arguments.dropFirst())
  let ranks = try OpenMPICommunicator(tool: "rank-probe", advice: "start it again")
  do {
    switch arguments.first {
    case "network": try network(ranks)
    case "step":
      try step(
        ranks, bytes: arguments.count > 1 ? Int(arguments[1]) ?? 0 : 0,
        milliseconds: arguments.count > 2 ? Double(arguments[2]) ?? 0 : 0,
        bucket: arguments.count > 3 ? Int(arguments[3]) ?? 1 << 17 : 1 << 17)
    case "sums": try sums(ranks)
    case "fail":
      try fail(
        ranks, arguments.count > 1 ? arguments[1] : "kill",
        rank: arguments.count > 2 ? Int(arguments[2]) ?? 1 : 1)
    default: ranks.abort("rank-probe: expected network, step, sums or fail")
    }
    try ranks.close()
  } catch {
    ranks.abort("rank-probe: \(error)")
  }
} catch {
  writeError("rank-probe: \(error)\n")
  exit(2)
}
