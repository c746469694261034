"""Writes Keras models and tf2onnx's graphs of them in `Tests/ConversionTests/Files/Foreign`.

    pip install -r tools/generate/keras_requirements.txt
    python tools/generate/keras_graphs.py [--output FOLDER]

A graph is exported with other random weights than the `.h5` or `.keras` file has; the `.npz` file
holds an input and the output that Keras computes with the weights of that file.
"""

import argparse
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import tf2onnx

L = tf.keras.layers


def images():
    """Convolutions of every kind, and normalizations that tf2onnx folds and keeps."""
    image = L.Input((16, 16, 3), name="image")
    x = L.Conv2D(4, 3, name="first")(image)
    x = L.BatchNormalization(name="folded", epsilon=0.01)(x)
    x = L.ReLU()(x)
    x = L.BatchNormalization(name="kept")(x)
    x = L.DepthwiseConv2D(3, name="depthwise", depth_multiplier=2)(x)
    x = L.Conv2DTranspose(2, 3, strides=2, name="transposed")(x)
    x = L.SeparableConv2D(6, 3, name="separable")(x)
    x = L.PReLU(shared_axes=[1, 2], name="slope")(x)
    x = L.GlobalAveragePooling2D()(x)
    x = L.Dense(6, name="square")(x)
    x = L.LayerNormalization(name="layer_norm")(x)
    return tf.keras.Model(image, L.Dense(5, name="head", activation="softmax")(x), name="net")


def signals():
    """One-dimensional convolutions, and a normalization as a product and a sum."""
    return tf.keras.Sequential([
        L.Input((12, 3)), L.Conv1D(4, 3, name="conv", activation="relu"),
        L.BatchNormalization(name="norm"), L.SeparableConv1D(5, 2, name="separable"),
        L.Flatten(), L.Dense(2, name="head")])


def texts():
    """An embedding and recurrent layers."""
    return tf.keras.Sequential([
        L.Input((6,)), L.Embedding(10, 4, name="embedding"),
        L.Bidirectional(L.LSTM(3, return_sequences=True), name="both"),
        L.LSTM(5, return_sequences=True, name="middle"),
        L.GRU(2, return_sequences=True, name="gates"), L.LSTM(3, name="last"),
        L.Dense(1, name="head")])


def randomize(model, seed):
    random = np.random.RandomState(seed)
    model.set_weights([
        random.uniform(0.1, 0.9, weight.shape).astype(weight.dtype)
        for weight in model.get_weights()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=Path("Tests/ConversionTests/Files/Foreign"))
    folder = parser.parse_args().output
    for make, suffix in ((images, "keras"), (signals, "h5"), (texts, "h5")):
        tf.keras.backend.clear_session()
        model = make()
        name = make.__name__
        dtype = "int32" if make is texts else "float32"
        signature = [tf.TensorSpec((None,) + model.input_shape[1:], dtype, name="x")]
        randomize(model, 2)
        tf2onnx.convert.from_keras(
            model, signature, output_path=str(folder / f"{name}.onnx"), opset=13)
        randomize(model, 1)
        model.save(folder / f"{name}.{suffix}")
        random = np.random.RandomState(0)
        shape = (2,) + model.input_shape[1:]
        x = random.randint(0, 10, shape) if make is texts else random.uniform(0, 1, shape)
        x = x.astype(dtype)
        np.savez(folder / f"{name}.npz", x=x, y=model.predict(x, verbose=0))


if __name__ == "__main__":
    main()
