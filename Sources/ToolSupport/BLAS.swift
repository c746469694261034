internal import COpenBLAS
import Glibc

/// Says on standard error which environment variable keeps OpenBLAS, if a product has opened it, from
/// the best kernels of this CPU.
public func warnAboutSlowBLAS() {
  let variables = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"].filter { (name: String) in
    getenv(name) != nil
  }
  guard !variables.isEmpty, let name = cb_core_name() else { return }
  let core = String(cString: name)
  let hasAVX512 = ["SkylakeX", "Cooperlake", "Sapphirerapids"].contains {
    $0.lowercased() == core.lowercased()
  }
  let cpuHasAVX512 = (try? readText("/proc/cpuinfo"))?.contains(" avx512f ") == true
  guard !hasAVX512, cpuHasAVX512 else { return }
  printError(
    "\(variables.joined(separator: " and ")) in the environment keeps OpenBLAS on its \(core) kernels;"
      + " unset it: this CPU has AVX-512")
}
