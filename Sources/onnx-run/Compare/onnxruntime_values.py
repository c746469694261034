"""Runs FOLDER/model.onnx in onnxruntime on input_I.npy, and writes output_I.npy: FOLDER THREADS."""

import sys

try:
    import numpy
    import onnxruntime
except ImportError as error:
    sys.exit(
        f"{sys.executable}: {error}; '{sys.executable} -m pip install onnxruntime' installs it, "
        "--python names another Python"
    )

folder, threads = sys.argv[1], int(sys.argv[2])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
options.log_severity_level = 3
try:
    session = onnxruntime.InferenceSession(
        f"{folder}/model.onnx", options, providers=["CPUExecutionProvider"]
    )
    inputs = {
        info.name: numpy.load(f"{folder}/input_{place}.npy")
        for place, info in enumerate(session.get_inputs())
    }
    for place, value in enumerate(session.run(None, inputs)):
        if isinstance(value, numpy.ndarray):
            numpy.save(f"{folder}/output_{place}.npy", value, allow_pickle=False)
except Exception as error:
    sys.exit(" ".join(str(error).split()))
