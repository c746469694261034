"""Training, and what PyTorch computes in the same steps."""

import os
import tempfile

import numpy as np
import onnx
import swiftonnx as ort
from models import error, model
from onnx import helper, numpy_helper

RANDOM = np.random.default_rng(1)
W1, B1 = RANDOM.normal(size=(4, 8)).astype(np.float32), np.zeros(8, np.float32)
W2, B2 = RANDOM.normal(size=(8, 3)).astype(np.float32), np.zeros(3, np.float32)
X = RANDOM.normal(size=(32, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


def network():
    return model(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["y"]),
        ],
        [("x", 1, ["N", 4])],
        [("y", 1, ["N", 3])],
        [
            numpy_helper.from_array(array, name)
            for name, array in [("w1", W1), ("b1", B1), ("w2", W2), ("b2", B2)]
        ],
    )


def torch_steps(make_optimizer, loss, targets, count):
    import torch

    parameters = [torch.tensor(array, requires_grad=True) for array in (W1, B1, W2, B2)]
    optimizer = make_optimizer(torch.optim)(parameters)
    losses = []
    for _ in range(count):
        w1, b1, w2, b2 = parameters
        y = torch.relu(torch.tensor(X) @ w1 + b1) @ w2 + b2
        value = getattr(torch.nn.functional, loss)(y, torch.tensor(targets))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses, [parameter.detach().numpy() for parameter in parameters]


def check_against_torch(make_optimizer, options, loss="cross_entropy", torch_loss=None, targets=LABELS):
    expected, parameters = torch_steps(make_optimizer, torch_loss or loss, targets, 6)
    trainer = ort.Trainer(network(), loss=loss, **options)
    losses = [trainer.step({"x": X, "labels": targets}).loss for _ in expected]
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    trained = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load_model_from_string(trainer.model).graph.initializer
    }
    for name, array in zip(["w1", "b1", "w2", "b2"], parameters, strict=True):
        np.testing.assert_allclose(trained[name], array, rtol=1e-4, atol=2e-5)


def test_steps_are_those_of_pytorch():
    check_against_torch(
        lambda o: lambda p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        dict(optimizer="sgd", learning_rate=0.1, momentum=0.9, nesterov=True),
    )
    check_against_torch(
        lambda o: lambda p: o.AdamW(p, lr=0.01, weight_decay=0.1),
        dict(optimizer="adamw", learning_rate=0.01, weight_decay=0.1),
    )
    check_against_torch(
        lambda o: lambda p: o.RMSprop(p, lr=0.01), dict(optimizer="rmsprop", learning_rate=0.01)
    )
    targets = RANDOM.normal(size=(32, 3)).astype(np.float32)
    check_against_torch(
        lambda o: lambda p: o.Adam(p, lr=0.01),
        dict(learning_rate=0.01), loss="mse", torch_loss="mse_loss", targets=targets,
    )


def test_training_lowers_the_loss_and_the_model_is_saved():
    trainer = ort.Trainer(network(), learning_rate=0.05)
    assert trainer.parameters == ["w1", "b1", "w2", "b2"]
    assert trainer.inputs == {"x": "tensor(float)", "labels": "tensor(int64)"}
    before = trainer.evaluate({"x": X, "labels": LABELS})
    for _ in range(60):
        result = trainer.step({"x": X, "labels": LABELS.astype(np.int32)})
    after = trainer.evaluate({"x": X, "labels": LABELS})
    assert after.loss < before.loss / 3 and after.accuracy > 0.9 and result.gradient_norm > 0
    (y,) = trainer.predict({"x": X})
    assert (y.argmax(1) == LABELS).mean() == after.accuracy
    trainer.step({"x": X, "labels": LABELS})
    assert not np.array_equal(trainer.predict({"x": X})[0], y)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trained.onnx")
        trainer.save(path)
        assert os.listdir(folder) == ["trained.onnx"]
        saved = ort.InferenceSession(path).run(None, {"x": X})[0]
        assert np.array_equal(saved, trainer.predict({"x": X})[0])
        error(OSError, lambda: trainer.save(os.path.join(folder, "no", "x.onnx")))


def test_a_checkpoint_continues_with_the_same_bits():
    batch = {"x": X, "labels": LABELS}
    first = ort.Trainer(network(), optimizer="adam")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "checkpoint.onnx")
        first.step(batch)
        first.save_checkpoint(path)
        expected = [first.step(batch) for _ in range(3)]
        second = ort.Trainer(network(), optimizer="adam")
        second.load_checkpoint(path)
        assert [second.step(batch) for _ in range(3)] == expected
        other = ort.Trainer(network(), optimizer="sgd", momentum=0.9)
        error(ort.Error, lambda: other.load_checkpoint(path), "cannot resume")
    error(ort.Error, lambda: first.load_checkpoint("/no/such"), "No such file")


def test_train_shuffles_and_reports():
    reports = []
    trainer = ort.train(
        network(), {"x": X, "labels": LABELS}, epochs=3, batch_size=8, learning_rate=0.05,
        report=lambda epoch, result: reports.append((epoch, result)),
    )
    assert trainer.step_count == 12 and [epoch for epoch, _ in reports] == [0, 1, 2]
    assert reports[-1][1].loss < reports[0][1].loss
    same = ort.train(
        network(), {"x": X, "labels": LABELS}, epochs=3, batch_size=8, learning_rate=0.05
    )
    assert same.model == trainer.model


def test_wrong_options_and_batches_are_explained():
    error(ValueError, lambda: ort.Trainer(network(), optimizer="adm"), "did you mean 'adam'")
    error(ValueError, lambda: ort.Trainer(network(), moment=0.9), "no option 'moment'")
    error(ValueError, lambda: ort.Trainer(network(), loss="cross entropy"), "one word")
    error(ValueError, lambda: ort.Trainer(network(), frozen=["q*"]), "no initializer matches 'q*'")
    error(FileNotFoundError, lambda: ort.Trainer("/no/such.onnx"))
    error(ort.Error, lambda: ort.Trainer(b"garbage"))
    trainer = ort.Trainer(network(), frozen=["w1", "b1"])
    assert trainer.parameters == ["w2", "b2"]
    step = trainer.step
    error(ValueError, lambda: step({"x": X, "label": LABELS}), "no 'label'", "mean 'labels'")
    error(ValueError, lambda: step({"x": X}), "input 'labels' is missing")
    error(ValueError, lambda: step({"x": X, "labels": LABELS + 5}), "out of range")
    error(ValueError, lambda: step({"x": X.astype(float), "labels": LABELS}), "got float64")
    error(TypeError, lambda: step([X]), "expected a dict")
    error(ValueError, lambda: ort.train(network(), {"x": X, "labels": LABELS[:3]}), "different")
    error(ValueError, lambda: ort.train(network(), {"x": X, "labels": LABELS}, batch_size=99), "99")
