"""Training."""

import json
import math
import os
import tempfile
from typing import NamedTuple

import numpy as np

from swiftonnx import _native
from swiftonnx.convert import convert
from swiftonnx.errors import InvalidArgument
from swiftonnx.session import InferenceSession, did_you_mean, folder_text, serialized


class StepResult(NamedTuple):
    """The result of a batch."""

    loss: float
    """The mean loss."""
    accuracy: float | None
    """The fraction of correct predictions; None for losses other than cross entropy."""
    gradient_norm: float
    """The norm of all gradients before clipping; 0 for an evaluation."""


class Trainer(_native.Trainer):
    """Trains a model, one batch at a time.

        trainer = Trainer("model.onnx", optimizer="sgd", learning_rate=0.1, momentum=0.9)
        loss, accuracy, _ = trainer.step({"image": images, "labels": labels})

    - `model`: a path, the bytes of a model, or an object with `SerializeToString`
    - `loss`: `cross_entropy` (integer labels), `mse`, `bce`, or `mean` of the model's own loss
    - `optimizer`: `adam`, `adamw`, `sgd`, `rmsprop`, `adagrad` or `adadelta`, with the formulas and
      defaults of `torch.optim`
    - `learning_rate`: the rate, which may be assigned between steps
    - `options`: of the optimiser `momentum`, `nesterov`, `beta1`, `beta2`, `decay`, `epsilon`,
      `weight_decay`, `rate_decay`; and `clip_norm`, `clip_value`, `accumulation`, `ignored_label`,
      `output`, `frozen` and `trained` (lists of patterns), `threads`, `train_seed`, `memory_limit`

    Labels or targets are the entry `labels` of a batch. One thread at a time may use a trainer.
    """

    def __init__(
        self,
        model,
        loss="cross_entropy",
        optimizer="adam",
        learning_rate=1e-3,
        *,
        external_data_folder=None,
        **options,
    ):
        if isinstance(model, (str, os.PathLike)):
            if external_data_folder is None:
                external_data_folder = os.path.dirname(os.path.abspath(model))
            with open(model, "rb") as file:
                model = file.read()
        words = [f"loss={_word('loss', loss)}", f"optimizer={_word('optimizer', optimizer)}"]
        words += [
            f"{name}={_word(name, value)}" for name, value in options.items() if value is not None
        ]
        info = json.loads(
            self._load(serialized(model), folder_text(external_data_folder), " ".join(words))
        )
        self._types = {entry["name"]: entry["type"] for entry in info["inputs"]}
        self.parameters = info["parameters"]
        """The names of the trained parameters."""
        self.learning_rate = learning_rate
        self.step_count = 0
        """The number of batches that this object has trained on."""
        self._session = None

    @property
    def inputs(self):
        """The types of a batch's entries, by name."""
        return dict(self._types)

    def step(self, batch):
        """Trains on a batch, a dict of arrays by name; returns its `StepResult`."""
        result = self._train(self._arrays(batch), float(self.learning_rate))
        self._session = None
        self.step_count += 1
        return _result(result)

    def evaluate(self, batch):
        """The `StepResult` of a batch with operators in inference mode, without training."""
        return _result(self._evaluate(self._arrays(batch)))

    def session(self):
        """An `InferenceSession` of the model with its current parameters."""
        return InferenceSession._trained(self)

    def predict(self, inputs, output_names=None):
        """Runs the model with its current parameters on a dict of arrays."""
        if self._session is None:
            self._session = self.session()
        return self._session.run(output_names, inputs)

    @property
    def model(self):
        """The bytes of the model with its current parameters."""
        return self._model()

    def save(self, path):
        """Writes the model with its current parameters, under a temporary name that is then renamed."""
        data = self.model
        folder = os.path.dirname(os.path.abspath(path))
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".swiftonnx-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def load_checkpoint(self, path):
        """Continues from a checkpoint of a trainer with the same model and options."""
        super().load_checkpoint(path)
        self._session = None

    def _arrays(self, batch):
        if not isinstance(batch, dict):
            raise TypeError(f"expected a dict of arrays by input name, got {type(batch)}")
        arrays = {}
        for name, value in batch.items():
            if name not in self._types:
                hint = did_you_mean(name, list(self._types))
                raise InvalidArgument(f"a batch has no {name!r}{hint}")
            arrays[name] = _widened(convert(value, self._types[name]), self._types[name])
        return arrays


def train(model, data, epochs=1, batch_size=32, *, seed=0, report=None, **options):
    """Trains a model on a dict of arrays by input name, whose first axes are the examples.

    Every epoch takes the examples in another order, which `seed` determines, and leaves out those that
    do not fill a batch. `report(epoch, result)` is called behind each epoch with the means of its
    batches. `options` are those of `Trainer`. Returns the `Trainer`.
    """
    trainer = Trainer(model, **options)
    arrays = {name: np.asarray(value) for name, value in data.items()}
    if not arrays or min(array.ndim for array in arrays.values()) == 0:
        raise InvalidArgument("expected arrays whose first axes are the examples")
    counts = {name: len(array) for name, array in arrays.items()}
    count = min(counts.values())
    if count != max(counts.values()):
        raise InvalidArgument(f"the arrays have different numbers of examples: {counts}")
    if not 1 <= batch_size <= count:
        raise InvalidArgument(f"expected a batch size from 1 to {count}, got {batch_size}")
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(count)
        results = []
        for start in range(0, count - batch_size + 1, batch_size):
            chosen = order[start : start + batch_size]
            results.append(trainer.step({name: array[chosen] for name, array in arrays.items()}))
        if report is not None:
            report(epoch, _mean(results))
    return trainer


def _result(numbers):
    loss, accuracy, norm = numbers
    return StepResult(loss, None if accuracy < 0 else accuracy, norm)


def _mean(results):
    accuracies = [result.accuracy for result in results if result.accuracy is not None]
    return StepResult(
        math.fsum(result.loss for result in results) / len(results),
        math.fsum(accuracies) / len(accuracies) if accuracies else None,
        results[-1].gradient_norm,
    )


def _widened(value, type_name):
    """Labels are int64; those of a narrower dtype are widened."""
    if type_name == "tensor(int64)" and isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return value.astype(np.int64, copy=False)
    return value


def _word(name, value):
    """An option as the C functions take it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (list, tuple)):
        value = ",".join(value)
    text = str(value)
    if not text or any(character.isspace() for character in text):
        raise InvalidArgument(f"option {name!r}: expected one word, got {text!r}")
    return text
