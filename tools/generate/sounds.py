"""Writes the expected numbers of Tests/AudioTests and Tests/TrainingTests/SoundTests.swift.

    python tools/generate/sounds.py

G.711 comes from Python's audioop (up to 3.12). The resampling is the formula of
torchaudio.functional.resample with its defaults, the log-mel spectrum that of torch.stft with the
mel weights of onnx's reference implementation, all in float64.
"""

import math
import warnings

import numpy as np
import torch
from onnx.reference.ops.op_mel_weight_matrix import MelWeightMatrix

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import audioop


def show(name, values):
    print(name, [float(f"{x:.7g}") for x in np.asarray(values, np.float64).ravel()])


def law():
    codes = bytes([0x00, 0x2A, 0x55, 0x7F, 0x80, 0xAA, 0xD5, 0xFF])
    for name, decode in [("A-law", audioop.alaw2lin), ("µ-law", audioop.ulaw2lin)]:
        print(name, list(codes), np.frombuffer(decode(codes, 2), np.int16).tolist())


def resample(x, old, new):
    divisor = math.gcd(old, new)
    old, new = old // divisor, new // divisor
    unit = 0.99 * min(old, new) / old
    y = []
    for index in range(math.ceil(len(x) * new / old)):
        t = (np.arange(len(x)) - index * old / new) * unit
        window = np.where(abs(t) < 6, np.cos(math.pi * t / 12) ** 2, 0)
        y.append((x * np.sinc(t) * window * unit).sum())
    return y


def log_mel():
    rate, length, step, bands = 8000, 32, 16, 5
    x = np.array([((7 * i * i) % 31) / 31 - 0.5 for i in range(80)])
    spectrum = torch.stft(
        torch.from_numpy(x), length, step, window=torch.hann_window(length, dtype=torch.float64),
        center=False, return_complex=True)
    power = spectrum.abs().square().numpy().T
    weights = MelWeightMatrix.eval(
        np.array(bands), np.array(length), np.array(rate), np.array(60.0), np.array(4000.0))
    return np.log(power @ weights.astype(np.float64) + 1e-6)


law()
x = np.array([math.sin(0.3 * i) + 0.25 * (i % 3) for i in range(24)])
show("8000 to 12000", resample(x, 8000, 12000)[:8])
show("8000 to 5000", resample(x, 8000, 5000))
show("log-mel", log_mel())
