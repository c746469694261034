import Foundation
import Testing

/// Runs of `rank-probe` by mpirun. They need Open MPI, as distributed training does.
@Suite(
  .serialized,
  .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/mpirun"), "needs Open MPI"))
struct RanksTests {
  private static let probe = Tool.path(of: "rank-probe")

  private func run(_ ranks: Int, _ arguments: String...) throws -> Tool {
    // mpirun asks for it where tests run as root, as in containers.
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1)
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1)
    return try Tool(
      ["-k", "5", "30", "mpirun", "--quiet", "--oversubscribe", "-n", "\(ranks)", Self.probe]
        + arguments,
      path: "/usr/bin/timeout")
  }

  @Test func sumsHaveTheSameBitsOnAnyNumberOfProcesses() throws {
    var hashes: Set<Substring> = []
    for ranks in [1, 2, 3, 4] {
      let run = try run(ranks, "sums")
      #expect(run.errors == "" && run.status == 0)
      #expect(run.lines.count == ranks)
      hashes.formUnion(run.lines.compactMap { $0.split(separator: " ").last })
    }
    #expect(hashes.count == 1)
  }

  @Test(arguments: [(2, 0), (2, 1), (4, 0), (4, 3)])
  func aRankThatIsKilledEndsTheOthersWithOneLine(ranks: Int, killed: Int) throws {
    let run = try run(ranks, "fail", "kill", "\(killed)")
    #expect(
      run.errors == """
        rank-probe: rank \(killed) has ended, so all ranks end; start it again

        """)
    // That of the killed rank, or of those that end for its sake.
    #expect([128 + SIGKILL, 2].contains(run.status))
  }

  @Test func anErrorOfARankEndsTheOthersWithItsLine() throws {
    for (ranks, way) in [(2, "error"), (4, "error"), (4, "all")] {
      let run = try run(ranks, "fail", way)
      #expect(run.status == 2)
      #expect(
        run.errors
          == (way == "all"
            ? "rank-probe: the data is damaged\n" : "rank-probe: the data of rank 1 is damaged\n"))
    }
  }

  @Test func aRankWithoutMPIRunSaysHowToStart() throws {
    let run = try Tool(["sums"], path: Self.probe)
    #expect(run.status == 2)
    #expect(run.errors.contains("expected 'mpirun --quiet -n 2 rank-probe …'"))
    #expect(run.errors.split(separator: "\n").count == 1)
  }
}
