internal import COpenBLAS
import Glibc

/// Warns on standard error where environment variables keep OpenBLAS, if a matrix product has loaded
/// it, from this CPU's fastest kernels.
package func warnAboutSlowBLAS() {
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
    "warning: \(variables.joined(separator: " and ")) limits OpenBLAS to its \(core) kernels; unset it "
      + "to use this CPU's AVX-512")
}
