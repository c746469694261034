"""Options with the names of onnxruntime's. Those that cannot apply are refused."""

import enum


class GraphOptimizationLevel(enum.IntEnum):
    """How much a session optimises its model: nothing, or everything for the other levels."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99


class ExecutionMode(enum.IntEnum):
    """The order of nodes. All run one after the other, each on all threads."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class ExecutionOrder(enum.IntEnum):
    """The order of nodes that do not depend on each other."""

    DEFAULT = 0
    PRIORITY_BASED = 1


class _Options:
    """Attributes with defaults; assigning another name is an error."""

    _defaults = {}
    # Attributes that have no effect here, because there is nothing that they could change.
    _ignored = {}

    def __init__(self):
        for name, value in {**self._defaults, **self._ignored}.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        if name not in self._defaults and name not in self._ignored:
            import difflib

            names = [*self._defaults, *self._ignored]
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AttributeError(f"{type(self).__name__} has no option {name!r} here{hint}")
        self._check(name, value)
        object.__setattr__(self, name, value)

    def _check(self, name, value):
        pass


class SessionOptions(_Options):
    """Options of a session.

    - `intra_op_num_threads`: threads that compute; 0 for as many as the CPUs of the process.
    - `graph_optimization_level`: `ORT_DISABLE_ALL` or, with the same effect, any other level.
    - `use_deterministic_compute`: has no effect, since equal inputs always give equal bits.
    - `exact_convolutions` (not of onnxruntime): no Winograd transforms.
    - `batch_invariant` (not of onnxruntime): the bits of a sample are the same in every batch.
    - `memory_limit` (not of onnxruntime): bytes that weights, values and outputs may take.
    - `seed` (not of onnxruntime): the seed of random operators that have none of their own.

    Options about logging, arenas, memory patterns and the order of nodes exist and have no effect.
    Profiling, free dimensions, custom operator libraries and optimised model files are refused.
    """

    _defaults = {
        "intra_op_num_threads": 0,
        "graph_optimization_level": GraphOptimizationLevel.ORT_ENABLE_ALL,
        "exact_convolutions": False,
        "batch_invariant": True,
        "memory_limit": None,
        "seed": 0,
        "enable_profiling": False,
        "optimized_model_filepath": "",
        "execution_mode": ExecutionMode.ORT_SEQUENTIAL,
    }
    _ignored = {
        "inter_op_num_threads": 0,
        "execution_order": ExecutionOrder.DEFAULT,
        "enable_cpu_mem_arena": True,
        "enable_mem_pattern": True,
        "enable_mem_reuse": True,
        "use_deterministic_compute": False,
        "log_severity_level": 2,
        "log_verbosity_level": 0,
        "logid": "",
        "profile_file_prefix": "",
    }

    def _check(self, name, value):
        if name == "enable_profiling" and value:
            raise ValueError("a session here writes no profile; use onnx-run --profile")
        if name == "optimized_model_filepath" and value:
            raise ValueError("a session here does not write the optimised model to a file")
        if name == "execution_mode" and value != ExecutionMode.ORT_SEQUENTIAL:
            raise ValueError("nodes run one after the other here, each on all threads")
        if name in ("intra_op_num_threads", "seed") and not (isinstance(value, int) and value >= 0):
            raise ValueError(f"{name}: expected an integer from 0, got {value!r}")
        if name == "memory_limit" and value is not None and not (
            isinstance(value, int) and value > 0
        ):
            raise ValueError(f"memory_limit: expected a number of bytes or None, got {value!r}")

    def add_session_config_entry(self, key, value):
        """Refused: the keys name parts of onnxruntime."""
        raise ValueError(f"there is no configuration entry {key!r} here")

    def add_free_dimension_override_by_name(self, name, size):
        """Refused: sizes follow from the arrays of each run."""
        raise ValueError("sizes follow from the arrays of each run here; nothing is to override")

    def register_custom_ops_library(self, path):
        """Refused: the library is one for onnxruntime."""
        raise ValueError("operators of other libraries cannot be loaded here")

    def _words(self):
        """The options as the C functions take them."""
        words = [
            f"threads={self.intra_op_num_threads}",
            f"seed={self.seed}",
            f"batch_invariant={int(bool(self.batch_invariant))}",
        ]
        if self.graph_optimization_level == GraphOptimizationLevel.ORT_DISABLE_ALL:
            words.append("optimization=none")
        if self.exact_convolutions:
            words.append("convolution=exact")
        if self.memory_limit is not None:
            words.append(f"memory_limit={self.memory_limit}")
        return " ".join(words)


class RunOptions(_Options):
    """Options of a run. Those of onnxruntime exist and have no effect, since they are about logging."""

    _ignored = {
        "log_severity_level": 2,
        "log_verbosity_level": 0,
        "logid": "",
        "only_execute_path_to_fetches": False,
        "terminate": False,
    }

    def _check(self, name, value):
        if name == "terminate" and value:
            raise ValueError("a run cannot be ended from outside here")
