"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parent.parent

# A shell without job control has what it starts in the background ignore Ctrl-C, and that is
# inherited by the programs that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with corpora, published models and media made by others, where there is one."""
    folder = Path(os.environ.get("EMOSCOPE_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "media").is_dir():
        pytest.skip("no shared media: set EMOSCOPE_SHARED to the folder that holds them")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's model cache or history; none goes to the network."""
    own = tmp_path_factory.mktemp("own")
    (own / "cache").mkdir()
    monkeypatch.setenv("EMOSCOPE_CACHE", str(own / "cache"))
    monkeypatch.setenv("EMOSCOPE_HISTORY", str(own / "history.db"))
    monkeypatch.setenv("EMOSCOPE_OFFLINE", "1")


@pytest.fixture(scope="session")
def make_wav() -> Callable[..., Path]:
    """Builder: ``make_wav(path, waveform, rate=16_000)``, float in [-1, 1] to 16-bit PCM.

    ``waveform`` is ``(time,)`` or ``(time, channels)``.
    """

    def build(path: Path, waveform: NDArray[Any], rate: int = 16_000) -> Path:
        samples = np.asarray(waveform, dtype=np.float64)
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        pcm = np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(pcm.tobytes())
        return path

    return build


@pytest.fixture
def make_video() -> Callable[..., Path]:
    """Builder: ``make_video(path, seconds=1.0, fps=10, size=(160, 120), ...)``.

    The container follows the suffix. ``images``: a picture or an iterable of pictures, each
    (height, width, 3) uint8 RGB; noise-free moving stripes where None. ``sound``: a waveform
    ``(time,)`` or ``(time, channels)`` in [-1, 1] at ``rate``; None for a silent film. ``times_s``:
    when each frame is shown, for a variable frame rate. ``codec``/``sound_codec``: libav names.
    """

    def build(
        path: Path,
        seconds: float = 1.0,
        fps: int = 10,
        size: tuple[int, int] = (160, 120),
        sound: NDArray[Any] | None = None,
        *,
        rate: int = 16_000,
        images: NDArray[Any] | Iterable[NDArray[Any]] | None = None,
        times_s: Sequence[float] | None = None,
        codec: str = "mpeg4",
        pix_fmt: str = "yuv420p",
        sound_codec: str = "",
    ) -> Path:
        import av

        count = len(times_s) if times_s is not None else round(seconds * fps)
        if images is None:
            images = (_stripes(size, index) for index in range(count))
        elif isinstance(images, np.ndarray) and images.ndim == 3:
            images = [images] * count
        with av.open(str(path), "w") as container:
            video = container.add_stream(codec, rate=fps)
            video.pix_fmt = pix_fmt
            if times_s is not None:
                video.codec_context.time_base = Fraction(1, 1000)
            track: Any = None
            if sound is not None:
                samples = np.asarray(sound, dtype=np.float32).reshape(len(sound), -1)
                layout = "stereo" if samples.shape[1] == 2 else "mono"
                default = {".webm": "libopus", ".avi": "pcm_s16le"}.get(path.suffix, "aac")
                track = container.add_stream(sound_codec or default, rate=rate, layout=layout)
            heard = 0
            for index, image in enumerate(images):
                if index == 0:
                    video.height, video.width = image.shape[:2]
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                frame.time_base = Fraction(1, 1000) if times_s is not None else Fraction(1, fps)
                frame.pts = round(times_s[index] * 1000) if times_s is not None else index
                container.mux(video.encode(frame))
                if track is not None:
                    until = round((index + 1) / count * len(samples))
                    container.mux(_encoded(track, samples[heard:until], rate, heard))
                    heard = until
            container.mux(video.encode(None))
            if track is not None:
                container.mux(track.encode(None))
        return path

    return build


def _encoded(track: Any, samples: NDArray[np.float32], rate: int, start: int) -> list[Any]:
    import av

    if not len(samples):
        return []
    layout = "stereo" if samples.shape[1] == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.reshape(1, -1)), format="flt", layout=layout
    )
    frame.sample_rate = rate
    frame.time_base = Fraction(1, rate)
    frame.pts = start
    packets: list[Any] = track.encode(frame)
    return packets


def _stripes(size: tuple[int, int], index: int) -> NDArray[np.uint8]:
    """A picture that differs from frame to frame and survives compression."""
    width, height = size
    columns = (np.arange(width) * 3 + index * 16) % 256
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[:, :, 0] = columns
    image[:, :, 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    image[:, :, 2] = 128
    return image


def _write_tiny_model(
    path: Path,
    role: str,
    input_: dict[str, object],
    nodes: list[object],
    inputs: list[object],
    labels: tuple[str, ...],
    **described: object,
) -> Path:
    """Finish a tiny model whose nodes give ``level`` (n, 1) within 0..1: the level picks the label.

    With k labels, a level of (i + 0.5) / k gives label i nearly all of the probability; the
    embedding is (level, 2 level, 3 level, 4 level).
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from emoscope.labels import LabelSet
    from emoscope.models.metadata import ModelMetadata

    k = len(labels)
    constants = {
        "centres": (np.arange(k, dtype=np.float32)[None] + 0.5) / k,
        "sharpness": np.array([-8.0 * k * k], dtype=np.float32),
        "steps": np.array([[1, 2, 3, 4]], dtype=np.float32),
    }
    nodes = [
        *nodes,
        helper.make_node("Sub", ["level", "centres"], ["away"]),
        helper.make_node("Mul", ["away", "away"], ["away2"]),
        helper.make_node("Mul", ["away2", "sharpness"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"], axis=1),
        helper.make_node("Mul", ["level", "steps"], ["embedding"]),
    ]
    value = helper.make_tensor_value_info
    outputs = [
        value("probs", TensorProto.FLOAT, ["n", k]),
        value("embedding", TensorProto.FLOAT, ["n", 4]),
    ]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    fields: dict[str, object] = {
        "name": f"tiny-{role}",
        "version": "1",
        "role": role,
        "labels": LabelSet(labels),
        "input": input_,
        "preprocessing": "none",
        "calibration": {"temperature": 1.0},
        "corpus": "none",
        "split": "none",
        "metrics": {},
        "licence": "MIT",
        **described,
    }
    helper.set_model_props(model, ModelMetadata(**fields).to_props())  # type: ignore[arg-type]
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="session")
def tiny_face_model() -> Callable[..., Path]:
    """Factory ``(path, size=48, labels=SHARED, fer2013=None, **metadata) -> path`` of a face model.

    Its label follows the mean grey level: with k labels, grey 255 * (i + 0.5) / k reads as label i.
    ``fer2013``: its output ``fer2013_probs`` has those columns of ``probs``, in that order.
    """
    from emoscope.labels import SHARED

    def build(
        path: Path,
        size: int = 48,
        labels: tuple[str, ...] = SHARED,
        fer2013: Sequence[int] | None = None,
        **described: object,
    ) -> Path:
        import onnx
        from onnx import TensorProto, helper

        nodes = [
            helper.make_node("Cast", ["crops"], ["grey"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["grey"], ["flat"], axis=1),
            helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Constant", [], ["white"], value_float=255.0),
            helper.make_node("Div", ["mean", "white"], ["level"]),
        ]
        shape = ["n", size, size]
        inputs = [helper.make_tensor_value_info("crops", TensorProto.UINT8, shape)]
        stated: dict[str, object] = {"name": "crops", "dtype": "uint8", "shape": shape}
        _write_tiny_model(path, "face", stated, nodes, inputs, labels, **described)
        if fer2013 is not None:
            model = onnx.load(path)
            columns = helper.make_tensor("columns", TensorProto.INT64, [len(fer2013)], fer2013)
            model.graph.initializer.append(columns)
            nodes = [helper.make_node("Gather", ["probs", "columns"], ["fer2013_probs"], axis=1)]
            model.graph.node.extend(nodes)
            shape = ["n", len(fer2013)]
            value = helper.make_tensor_value_info("fer2013_probs", TensorProto.FLOAT, shape)
            model.graph.output.append(value)
            path.write_bytes(model.SerializeToString())
        return path

    return build


@pytest.fixture(scope="session")
def tiny_voice_model() -> Callable[..., Path]:
    """Factory ``(path, labels=VOICE_LABELS.names, **metadata) -> path`` of a voice model.

    Its label follows the mean absolute amplitude of the samples within ``lengths`` (padding is
    masked): with k labels, a mean of (i + 0.5) / k reads as label i.
    """
    from emoscope.labels import VOICE_LABELS

    def build(
        path: Path, labels: tuple[str, ...] = VOICE_LABELS.names, **described: object
    ) -> Path:
        import numpy as np
        from onnx import TensorProto, helper, numpy_helper

        def constant(name: str, array: object) -> object:
            tensor = numpy_helper.from_array(np.asarray(array, dtype=np.int64), name)
            return helper.make_node("Constant", [], [name], value=tensor)

        nodes = [
            constant("zero", 0),
            constant("one", 1),
            constant("last", [1]),
            helper.make_node("Shape", ["waveform"], ["shape"]),
            helper.make_node("Gather", ["shape", "one"], ["time"], axis=0),
            helper.make_node("Range", ["zero", "time", "one"], ["index"]),
            helper.make_node("Unsqueeze", ["lengths", "last"], ["ends"]),
            helper.make_node("Less", ["index", "ends"], ["within"]),
            helper.make_node("Cast", ["within"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Abs", ["waveform"], ["loud"]),
            helper.make_node("Mul", ["loud", "mask"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "last"], ["sum"], keepdims=1),
            helper.make_node("Cast", ["ends"], ["samples"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["sum", "samples"], ["level"]),
        ]
        value = helper.make_tensor_value_info
        inputs = [
            value("waveform", TensorProto.FLOAT, ["n", "time"]),
            value("lengths", TensorProto.INT64, ["n"]),
        ]
        stated: dict[str, object] = {
            "name": "waveform",
            "dtype": "float32",
            "shape": ["n", "time"],
            "sample_rate": 16_000,
        }
        return _write_tiny_model(path, "voice", stated, nodes, inputs, labels, **described)

    return build


@pytest.fixture(scope="session")
def tiny_statistics_model() -> Callable[..., Path]:
    """Factory ``(path, labels=SHARED, width=66, features=..., **metadata) -> path``.

    A voice model on statistics of speech; its label follows the share of voiced frames.
    """
    from emoscope.labels import SHARED
    from emoscope.voice.statistics import FEATURES, NAME

    def build(
        path: Path,
        labels: tuple[str, ...] = SHARED,
        width: int | str = len(FEATURES),
        features: str = NAME,
        **described: object,
    ) -> Path:
        from onnx import TensorProto, helper, numpy_helper

        column = numpy_helper.from_array(np.array([FEATURES.index("pitch voiced")]), "column")
        nodes = [
            helper.make_node("Constant", [], ["column"], value=column),
            helper.make_node("Gather", ["features", "column"], ["level"], axis=1),
        ]
        shape = ["n", width]
        inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, shape)]
        stated: dict[str, object] = {
            "name": "features",
            "dtype": "float32",
            "shape": shape,
            "sample_rate": 16_000,
            "features": features,
        }
        return _write_tiny_model(path, "voice", stated, nodes, inputs, labels, **described)

    return build
