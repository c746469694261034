"""What the workers of `engines.py` run: a model in either library, or no model, on a batch."""

import numpy as np
import onnxruntime
import swiftonnx
from swiftonnx.arrow import score

LIBRARIES = {"swiftonnx": swiftonnx, "onnxruntime": onnxruntime}
_sessions = {}


class NoModel:
    """Has a session's inputs and outputs, and answers with zeros: the time of the engine itself."""

    def __init__(self, session):
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.get_overridable_initializers = session.get_overridable_initializers

    def run(self, names, feed):
        rows = len(next(iter(feed.values())))
        width = self.get_outputs()[0].shape[1]
        return [np.zeros([rows, width], np.float32)]


def session(library, model, threads=1):
    """The session of this process."""
    key = library, model, threads
    if key not in _sessions:
        module = LIBRARIES.get(library, swiftonnx)
        options = module.SessionOptions()
        options.intra_op_num_threads = threads
        made = module.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        _sessions[key] = made if library in LIBRARIES else NoModel(made)
    return _sessions[key]


def score_batch(library, model, batch, fixed_size=True):
    """The ids and outputs of a batch."""
    return score(session(library, model), batch, keep=["id"], fixed_size=fixed_size)
