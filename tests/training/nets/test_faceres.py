from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.errors import ModelIntegrityError, ModelUnavailableError  # noqa: E402
from emoscope.training.nets import faceres  # noqa: E402
from emoscope.training.nets.face import FaceNet  # noqa: E402

NARROW = (4, 6, 8, 8, 10)


def arrays(widths: tuple[int, ...] = NARROW) -> dict[str, np.ndarray]:
    """Arrays named and laid out as in the published file."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1/convolution/merged_input": (3, 3, 3, widths[0]),
        "conv1_bn/batchnorm_1/sub": (widths[0],),
        "age_pred/bias": (5,),
    }
    for number, (before, after) in enumerate(itertools.pairwise(widths), start=1):
        shapes |= {
            f"conv_dw_{number}/depthwise_kernel": (3, 3, before, 1),
            f"conv_dw_{number}_bn/batchnorm_1/mul": (before,),
            f"conv_dw_{number}_bn/batchnorm_1/sub": (before,),
            f"conv_pw_{number}/convolution/merged_input": (1, 1, before, after),
            f"conv_pw_{number}_bn/batchnorm_1/sub": (after,),
        }
    return {name: rng.normal(0.1, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}


def publish(folder: Path, content: dict[str, np.ndarray], shards: int = 1) -> Path:
    """A TensorFlow.js model with these arrays."""
    folder.mkdir(exist_ok=True)
    weights = [
        {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        for name, array in content.items()
    ]
    data = b"".join(array.tobytes() for array in content.values())
    names = ["faceres-deep.bin", *(f"more-{n}.bin" for n in range(1, shards))]
    step = len(data) // shards + 1
    for number, name in enumerate(names):
        (folder / name).write_bytes(data[number * step : (number + 1) * step])
    text = json.dumps({"weightsManifest": [{"paths": names, "weights": weights}]})
    (folder / "faceres-deep.json").write_text(text)
    return folder / "faceres-deep.json"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tiny weights that count as the published ones."""
    publish(tmp_path / "base", arrays())
    digests = {
        name: hashlib.sha256((tmp_path / "base" / name).read_bytes()).hexdigest()
        for name in faceres.DIGESTS
    }
    monkeypatch.setattr(faceres, "DIGESTS", digests)
    return tmp_path / "base"


@pytest.mark.parametrize("shards", [1, 3])
def test_arrays_are_read_as_they_were_written(tmp_path: Path, shards: int) -> None:
    content = {**arrays(), "axes": np.array([1, 2], np.int32), "six": np.array(6, np.float32)}
    found = faceres.read_arrays(publish(tmp_path / "base", content, shards))
    assert list(found) == list(content)
    for name, array in content.items():
        np.testing.assert_array_equal(found[name], array)


def test_the_trunk_computes_what_the_published_graph_computes(published: Path) -> None:
    network = FaceNet(widths=NARROW).eval()
    faceres.load(network, str(published))
    assert network.pretrained
    content = {name: torch.from_numpy(array) for name, array in arrays().items()}
    grey = torch.rand(2, 1, 12, 12) * 200 - 100
    # As TensorFlow computes it: three equal colours, scales behind the depthwise kernels.
    x = torch.nn.functional.pad(grey.repeat(1, 3, 1, 1), (0, 1, 0, 1))
    kernel = content["conv1/convolution/merged_input"].permute(3, 2, 0, 1)
    x = torch.nn.functional.conv2d(x, kernel, content["conv1_bn/batchnorm_1/sub"], 2).clamp(0, 6)
    torch.testing.assert_close(network.stem(grey), x, rtol=1e-4, atol=1e-4)
    kernel = content["conv_dw_1/depthwise_kernel"].permute(2, 3, 0, 1)
    x = torch.nn.functional.conv2d(x, kernel, None, 1, 1, 1, NARROW[0])
    x = x * content["conv_dw_1_bn/batchnorm_1/mul"][:, None, None]
    x = (x + content["conv_dw_1_bn/batchnorm_1/sub"][:, None, None]).clamp(0, 6)
    kernel = content["conv_pw_1/convolution/merged_input"].permute(3, 2, 0, 1)
    x = torch.nn.functional.conv2d(x, kernel, content["conv_pw_1_bn/batchnorm_1/sub"]).clamp(0, 6)
    found = network.blocks[0](network.stem(grey))
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-4)


def test_the_cache_is_where_it_looks(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSCOPE_CACHE", str(published.parent))
    network = FaceNet(widths=NARROW)
    with pytest.raises(
        ModelUnavailableError, match=r"faceres-deep: no pretrained weights"
    ) as error:
        faceres.load(network, None)
    assert "\n" not in str(error.value)
    assert "--checkpoint" in str(error.value)
    assert str(error.value).endswith("--from-scratch")
    published.rename(published.parent / "faceres-deep")
    faceres.load(network, None)
    assert network.pretrained


def test_other_files_are_refused(published: Path) -> None:
    with (published / "faceres-deep.bin").open("r+b") as file:
        file.write(b"other")
    with pytest.raises(ModelIntegrityError, match=r"faceres-deep\.bin: damaged or changed"):
        faceres.load(FaceNet(widths=NARROW), str(published))


def test_a_list_that_does_not_fit_its_numbers_is_refused(tmp_path: Path) -> None:
    path = publish(tmp_path / "base", arrays())
    data = tmp_path / "base" / "faceres-deep.bin"
    whole = data.read_bytes()
    for content in (whole + b"\0" * 4, whole[:-4]):
        data.write_bytes(content)
        with pytest.raises(ModelIntegrityError, match="not a plain TensorFlow"):
            faceres.read_arrays(path)
    path.write_text('{"weightsManifest": [{"paths": [], "weights": [{"name": "a"}]}]}')
    with pytest.raises(ModelIntegrityError, match="not a plain TensorFlow"):
        faceres.read_arrays(path)


def test_the_list_leads_to_no_file_elsewhere(tmp_path: Path) -> None:
    path = publish(tmp_path / "base", arrays())
    (tmp_path / "outside.bin").write_bytes((tmp_path / "base" / "faceres-deep.bin").read_bytes())
    path.write_text(path.read_text().replace("faceres-deep.bin", "../outside.bin"))
    with pytest.raises(Exception, match=r"base.outside\.bin: cannot read it"):
        faceres.read_arrays(path)


def test_a_network_of_other_widths_is_refused() -> None:
    content = arrays()
    with pytest.raises(ModelIntegrityError, match="an array should be"):
        faceres.fill(FaceNet(widths=(4, 6, 8, 8, 12)), content)
    del content["conv_pw_3_bn/batchnorm_1/sub"]
    with pytest.raises(ModelIntegrityError, match="it lacks the array conv_pw_3_bn"):
        faceres.fill(FaceNet(widths=NARROW), content)
