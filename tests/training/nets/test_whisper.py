"""The speech encoder: its spectrogram and its layers against those of transformers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.errors import ModelIntegrityError, ModelUnavailableError  # noqa: E402
from emoscope.training.nets import whisper  # noqa: E402
from emoscope.training.voice_recipe import pad  # noqa: E402

D = whisper.WIDTH


def voice(samples: int, seed: int = 0) -> np.ndarray:
    """A gliding voice in faint noise that swells and fades."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(9 * time)) / 16_000
    tones = sum(np.sin(k * phase) / k for k in range(1, 20))
    swell = 0.1 + np.sin(3 * time) ** 2
    return (0.1 * swell * (tones + 0.01 * rng.standard_normal(samples))).astype(np.float32)


def arrays(seed: int = 3) -> dict[str, np.ndarray]:
    """Random arrays as smart-turn's file holds them."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}

    def eight_bits(name: str, *shape: int, axis: int) -> None:
        made[f"{name}_quantized"] = rng.integers(-127, 128, shape, dtype=np.int8)
        fan = int(np.prod(shape)) // shape[axis]
        made[f"{name}_scale"] = (
            rng.uniform(0.5, 1.5, shape[axis]).astype(np.float32) / fan**0.5 / 73
        )

    inner = "inner.encoder."
    for name, inputs in (("conv1", whisper.BANDS), ("conv2", D)):
        eight_bits(f"{inner}{name}.weight", D, inputs, 3, axis=0)
        made[f"{inner}{name}.bias_quantized"] = rng.integers(-9, 10, D, dtype=np.int32)
        made[f"{inner}{name}.bias_quantized_scale"] = np.full(D, 0.01, np.float32)
    sizes = [(D, D)] * 4 + [(D, 4 * D), (4 * D, D)]
    for name, (inputs, outputs) in zip(whisper._MATRICES, sizes, strict=True):
        eight_bits(name, inputs, outputs, axis=1)
    inner += "layers.0."
    for key in ("self_attn.q_proj", "self_attn.v_proj", "self_attn.out_proj", "fc1", "fc2"):
        size = 4 * D if key == "fc1" else D
        made[f"{inner}{key}.bias"] = rng.standard_normal(size).astype(np.float32) * 0.1
    for key in ("self_attn_layer_norm", "final_layer_norm"):
        made[f"{inner}{key}.weight"] = rng.uniform(0.5, 1.5, D).astype(np.float32)
        made[f"{inner}{key}.bias"] = rng.standard_normal(D).astype(np.float32) * 0.1
    return made


@pytest.fixture(scope="module")
def encoder() -> whisper.WhisperEncoder:
    """With random weights, so that it is not deaf."""
    found = whisper.WhisperEncoder()
    whisper.fill(found, arrays())
    return found


def heard_by(encoder: whisper.WhisperEncoder, *waveforms: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = encoder(*pad(list(waveforms)))[0].numpy()
    return found


def test_the_spectrogram_is_whispers_between_the_ends_of_what_is_heard() -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    waveform = voice(20_000)
    mel, frames = whisper.WhisperMel()(*pad([waveform]))
    between = frames[0, 0].numpy() > 0
    found = mel[0][:, between].numpy()
    assert not mel[0][:, ~between].any()
    extract = transformers.WhisperFeatureExtractor(feature_size=80)
    centred = waveform.astype(np.float64) - waveform.mean()
    low = np.convolve(centred, [1, 2, 1])[: len(waveform)]
    low -= np.convolve(low, np.ones(512) / 512)[: len(waveform)]
    power = np.convolve(np.square(low), np.ones(128))[: len(waveform)]
    first = np.flatnonzero(power > power.max() * np.exp(-9.0))[0]
    # From 35 ms before to 100 ms behind; zeros about it instead of its mirror image.
    longer = np.pad(np.pad(centred, (560, 0))[first:], (480, 2_080))
    theirs = extract(longer, sampling_rate=16_000, return_tensors="np", padding=False)
    theirs = theirs["input_features"][0][:, 3:]
    power = 10.0 ** (4 * theirs - 4)
    last = np.flatnonzero(power.sum(0) > power.sum(0).max() * np.exp(-9.0))[-1]
    assert abs(found.shape[1] - (last + 1 + 10)) <= 2  # they count mel power, we all power
    # Bands above 6.6 kHz repeat the one below.
    top = whisper._TOP
    assert np.array_equal(found[top:], np.repeat(found[top - 1 : top], whisper.BANDS - top, 0))
    # The lowest two are deaf to an offset.
    found, wanted = found[2:top], theirs[2:top, : found.shape[1]]
    shift = (found - wanted).mean()  # one level instead of the clip's own
    assert np.abs(found - wanted - shift)[wanted > wanted.max() - 1.5].max() < 0.02


def test_states_are_those_of_transformers(encoder: whisper.WhisperEncoder) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    mel, frames = encoder.mel(*pad([voice(16_000)]))
    count = int(frames[0, 0].sum()) // 2 * 2
    config = transformers.WhisperConfig(
        d_model=D, encoder_layers=1, encoder_attention_heads=6, encoder_ffn_dim=4 * D,
        num_mel_bins=80, max_source_positions=count // 2,
    )  # fmt: skip
    theirs = WhisperEncoder(config).eval()
    layer = encoder.layer
    state = {
        "embed_positions.weight": theirs.embed_positions.weight,
        "layer_norm.weight": torch.ones(D),
        "layer_norm.bias": torch.zeros(D),
    }
    for name, part in (
        ("conv1", encoder.first),
        ("conv2", encoder.second),
        ("layers.0.self_attn_layer_norm", layer.before),
        ("layers.0.final_layer_norm", layer.between),
    ):
        state |= {f"{name}.weight": part.weight, f"{name}.bias": part.bias}
    for name, matrix, offset in (
        ("self_attn.q_proj", layer.query, layer.offsets["query"]),
        ("self_attn.k_proj", layer.key, None),
        ("self_attn.v_proj", layer.value, layer.offsets["value"]),
        ("self_attn.out_proj", layer.out, layer.offsets["out"]),
        ("fc1", layer.wide, layer.offsets["wide"]),
        ("fc2", layer.narrow, layer.offsets["narrow"]),
    ):
        state[f"layers.0.{name}.weight"] = (matrix.whole * matrix.factor).T
        if offset is not None:
            state[f"layers.0.{name}.bias"] = offset
    theirs.load_state_dict(state)
    found: list[torch.Tensor] = []
    theirs.layers[0].register_forward_hook(lambda _, __, out: found.append(out))
    with torch.inference_mode():
        theirs(mel[:, :, :count])
    last = found[0][0] if isinstance(found[0], tuple) else found[0]
    states = last.reshape(-1, D).numpy()
    heard = frames[0, 1, :count].reshape(-1, 2).amax(1).numpy()
    assert not heard[-4:].any()  # behind what is heard there is something to attend to

    class Given(torch.nn.Module):
        """The spectrogram that is already there."""

        def forward(self, *_: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return mel[:, :, :count], frames[:, :, :count]

    same = whisper.WhisperEncoder()
    same.load_state_dict(encoder.state_dict())
    same.mel = Given()
    mean = np.average(states, 0, heard)
    deviation = np.sqrt(np.average(np.square(states - mean), 0, heard) + 1e-6)
    wanted = np.concatenate([mean, deviation])
    np.testing.assert_allclose(heard_by(same, voice(16_000))[0], wanted, atol=2e-4)
    assert np.ptp(wanted) > 0.5


def test_clips_begin_35_ms_before_the_first_sample_that_is_heard() -> None:
    waves = torch.tensor(
        [[0.0, 1e-3, -0.501, 0.2, 0.3, 9.0], [0.0] * 6, [0.3, 0.2, -0.5, 0.0, 0.0, 0.0]]
    )
    found, lengths = whisper.begun(waves, torch.tensor([5, 4, 3]))
    wanted = [[1e-3, -0.501, 0.2, 0.3, 0.0, 0.0], [0.0] * 6, [0.0, 0.3, 0.2, -0.5, 0.0, 0.0]]
    torch.testing.assert_close(found[:, 559:565], torch.tensor(wanted))
    assert not found[:, :559].any()
    assert lengths.tolist() == [563, 564, 563]


def test_where_clips_begin_hardly_depends_on_what_a_codec_adds() -> None:
    time = np.arange(16_000) / 16_000
    together, single = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        phase = 2 * np.pi * np.cumsum(120 + 40 * rng.random() + 20 * np.sin(9 * time)) / 16_000
        tones = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 20))
        clean = tones * 10 ** (-6 * np.clip(0.5 - time, 0, 1))  # fades in over half a second
        noise = np.sqrt(np.square(clean).mean()) * rng.standard_normal(16_000) / 1_000
        pair = np.stack([clean, clean + noise]).astype(np.float32)
        lengths = whisper.begun(torch.from_numpy(pair), torch.tensor([16_000, 16_000]))[1]
        together.append(abs(int(lengths[0] - lengths[1])))
        loud = np.abs(pair) > np.abs(pair).max(1, keepdims=True) * np.exp(-4.5)
        single.append(abs(int(np.subtract(*loud.argmax(1)))))
    # Now and then a voice has no clear beginning: three of the sixty by 40 to 69 samples.
    assert max(together) < 80
    assert np.quantile(together, 0.9) < 8
    assert np.mean(together) < 4
    # The first loud sample alone would be no place to begin at.
    assert np.quantile(single, 0.9) > 40
    assert np.mean(single) > 20


def test_silence_padding_and_gain_are_no_cue(encoder: whisper.WhisperEncoder) -> None:
    waveform = voice(9_000)
    alone = heard_by(encoder, waveform)[0]
    second = np.zeros(16_000, np.float32)
    for same in (
        np.concatenate([second, waveform]),
        np.concatenate([second[:37], waveform]),
        np.concatenate([waveform, second]),
        waveform * 0.5,
        waveform * 2,
    ):
        np.testing.assert_allclose(heard_by(encoder, same)[0], alone, atol=2e-4)
    np.testing.assert_allclose(heard_by(encoder, voice(30_000, 1), waveform)[1], alone, atol=1e-5)
    assert np.abs(heard_by(encoder, voice(9_000, 1)[::-1].copy())[0] - alone).max() > 0.01


@pytest.mark.parametrize("offset", [-0.3, 0.002, 0.03])
def test_the_offset_of_a_microphone_is_no_cue(
    encoder: whisper.WhisperEncoder, offset: float
) -> None:
    waveform = voice(20_000) * np.linspace(0, 1, 20_000).astype(np.float32) ** 4
    alone = heard_by(encoder, waveform)[0]
    moved = waveform + np.float32(offset)
    np.testing.assert_allclose(heard_by(encoder, moved)[0], alone, atol=0.01)
    lengths = [whisper.begun(*pad([one]))[1].item() for one in (waveform, moved)]
    assert lengths[0] == lengths[1] < 18_000  # it does begin later than the clip


def test_what_a_codec_leaves_of_the_highest_tones_is_no_cue(
    encoder: whisper.WhisperEncoder,
) -> None:
    waveform = voice(9_000)
    spectrum = np.fft.rfft(waveform)
    hz = np.fft.rfftfreq(len(waveform), 1 / 16_000)

    def without(low: float, high: float) -> np.ndarray:
        kept = np.fft.irfft(spectrum * ((hz < low) | (hz > high)), len(waveform))
        return kept.astype(np.float32)

    alone = heard_by(encoder, waveform)[0]
    assert np.abs(heard_by(encoder, without(7_000, 9_000))[0] - alone).max() < 0.02
    assert np.abs(heard_by(encoder, without(5_000, 7_000))[0] - alone).max() > 0.1


def test_the_highest_tones_alone_are_not_heard() -> None:
    time = np.arange(24_000) / 16_000
    quiet = voice(24_000) * np.where((time > 0.25) & (time < 1.0), 1.0, 0.0)
    hissing = quiet + 0.02 * np.sin(2 * np.pi * 7_600 * time)  # 20 dB below, before and after too
    pair = pad([quiet.astype(np.float32), hissing.astype(np.float32)])
    lengths = whisper.begun(*pair)[1]
    assert abs(int(lengths[0] - lengths[1])) <= 2
    frames = whisper.WhisperMel()(*pair)[1]
    np.testing.assert_allclose(frames[0], frames[1], atol=0.01)
    assert 70 < int(frames[0, 1].sum()) < 78


def test_last_frames_fade_in_as_they_are_heard(encoder: whisper.WhisperEncoder) -> None:
    speech = voice(13_000)
    level = np.abs(speech[:9_000]).max() / np.abs(speech[9_000:]).max()
    told, last = [], []
    for faint in np.arange(-40.2, -38.2, 0.05):
        speech_then_whisper = speech.copy()
        speech_then_whisper[9_000:] *= level * 10 ** (faint / 20)
        told.append(heard_by(encoder, speech_then_whisper)[0])
        last.append(int((encoder.mel(*pad([speech_then_whisper]))[1][0, 0] > 0).sum()))
    assert last[-1] > last[0] + 5  # one after another
    steps = np.abs(np.diff(np.stack(told), axis=0)).max(1)
    assert steps.max() < 0.06, steps.max()


def test_frames_outside_are_not_attended_to_at_all(encoder: whisper.WhisperEncoder) -> None:
    told: list[torch.Tensor] = []
    hook = encoder.layer.register_forward_pre_hook(lambda _, given: told.append(given[1]))
    heard_by(encoder, voice(30_000, 1), voice(9_000))
    hook.remove()
    inside = told[0] > -20  # a share that single precision holds
    assert 20 < int(inside[1].sum()) < 40 < int(inside[0].sum())
    assert (told[0][~inside] == -1e4).all()  # behind softmax a zero, which is quick


@pytest.mark.parametrize("samples", [1, 100, 119, 121, 159, 160, 2_041, 2_100, 2_199])
def test_every_length_is_heard_alone_as_beside_longer_ones(
    encoder: whisper.WhisperEncoder, samples: int
) -> None:
    waveform = voice(samples, 2) + np.float32(0.05)  # loud to its end
    alone = heard_by(encoder, waveform)[0]
    np.testing.assert_allclose(heard_by(encoder, voice(9_000), waveform)[1], alone, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 400])
def test_short_and_silent_clips_are_finite(encoder: whisper.WhisperEncoder, samples: int) -> None:
    for waveform in (voice(samples), np.zeros(samples, np.float32)):
        assert np.abs(heard_by(encoder, waveform)).max() < 1_000


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as the published one."""
    graph = onnx.helper.make_graph(
        [], "g", [], [], [onnx.numpy_helper.from_array(a, name) for name, a in arrays(5).items()]
    )
    path = tmp_path / "base" / whisper.FILE
    path.parent.mkdir()
    onnx.save(onnx.helper.make_model(graph), path)
    monkeypatch.setattr(whisper, "DIGEST", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_published_weights_are_taken_as_they_are(published: Path) -> None:
    wanted = arrays(5)
    for checkpoint in (str(published), str(published.parent)):
        encoder = whisper.WhisperEncoder()
        whisper.load(encoder, checkpoint)
        assert not any(parameter.requires_grad for parameter in encoder.parameters())
        layer, inner = encoder.layer, "inner.encoder."
        np.testing.assert_array_equal(layer.wide.whole.numpy(), wanted["val_79_quantized"])
        np.testing.assert_array_equal(layer.wide.factor.numpy(), wanted["val_79_scale"])
        offset = wanted[f"{inner}layers.0.fc1.bias"]
        np.testing.assert_array_equal(layer.offsets["wide"].numpy(), offset)
        kernel = (
            wanted[f"{inner}conv2.weight_quantized"]
            * wanted[f"{inner}conv2.weight_scale"][:, None, None]
        )
        np.testing.assert_allclose(encoder.second.weight.numpy(), kernel, rtol=1e-3, atol=1e-7)
        offset = wanted[f"{inner}conv2.bias_quantized"] * np.float32(0.01)
        np.testing.assert_allclose(encoder.second.bias.numpy(), offset, rtol=1e-6)


def test_weights_that_are_not_there_or_others_are_refused(published: Path, tmp_path: Path) -> None:
    encoder = whisper.WhisperEncoder()
    with pytest.raises(ModelUnavailableError, match=r"pipecat-ai 1\.14\.0.*--checkpoint"):
        whisper.load(encoder, str(tmp_path / "nowhere"))
    (tmp_path / whisper.FILE).write_bytes(published.read_bytes() + b"x")
    with pytest.raises(ModelIntegrityError, match="pipecat-ai"):
        whisper.load(encoder, str(tmp_path))
    weights = arrays(5)
    with pytest.raises(ModelIntegrityError, match=r"val_88_quantized should be \(1536, 384\)"):
        whisper.fill(encoder, {**weights, "val_88_quantized": np.zeros((4, 4), np.int8)})
    turned = weights["val_79_quantized"].T
    with pytest.raises(ModelIntegrityError, match=r"val_79_quantized should be \(384, 1536\)"):
        whisper.fill(encoder, {**weights, "val_79_quantized": turned})
    weights.pop("inner.encoder.conv1.bias_quantized")
    with pytest.raises(ModelIntegrityError, match=r"conv1\.bias_quantized"):
        whisper.fill(encoder, weights)
