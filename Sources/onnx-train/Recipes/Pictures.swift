import ONNX
import ToolSupport

/// Writes what an autoencoder makes of some pictures, below the pictures themselves.
func writeReconstructions(
  _ model: Model, _ pictures: Tensor?, beside output: String
) throws -> [String] { [] }

/// Writes a forecast beside the truth.
func writeForecast(
  _ model: Model, _ data: ForecastTask, beside output: String
) throws -> [String] { [] }
