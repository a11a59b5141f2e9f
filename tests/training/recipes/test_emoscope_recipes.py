from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.labels import (  # noqa: E402
    EMODB_LABELS,
    FERPLUS_LABELS,
    RAVDESS_LABELS,
    SHARED,
    VOICE_LABELS,
    LabelSet,
)
from emoscope.training.datasets.corpora import (  # noqa: E402
    Clip,
    FaceCorpus,
    SpeechCorpus,
    label_set_of,
)
from emoscope.training.nets import faceres  # noqa: E402
from emoscope.training.nets.face import FaceNet  # noqa: E402
from emoscope.training.nets.voice import VoiceNet  # noqa: E402
from emoscope.training.recipe import Settings  # noqa: E402
from emoscope.training.recipes import emoscope_face, emoscope_voice  # noqa: E402
from emoscope.training.recipes.emoscope_voice import EmoscopeVoice  # noqa: E402


def corpus() -> SpeechCorpus:
    made = [
        *(("ravdess", f"{n:02d}", name) for n in range(1, 25) for name in RAVDESS_LABELS.names),
        *(("emodb", f"{n:02d}", name) for n in range(3, 17) for name in EMODB_LABELS.names),
        *(("tess", who, name) for who in ("OAF", "YAF") for name in SHARED),
    ]
    clips = tuple(Clip(Path(f"{c}-{s}-{name}.wav"), c, s, name) for c, s, name in made)
    silence = (np.zeros(800, np.float32),) * len(clips)
    extents = np.tile(np.array([0, 800]), (len(clips), 1))
    return SpeechCorpus(clips, silence, extents, label_set_of([c.label for c in clips]))


def test_no_speaker_is_in_two_parts() -> None:
    recipe = EmoscopeVoice()
    items = recipe.prepare(corpus(), "own")
    (fold,) = recipe.own_split(items)
    parts = [set(items.take(part).speakers) for part in (fold.learn, fold.held, fold.test)]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert set.union(*parts) == set(corpus().speakers)
    assert len(fold.learn) + len(fold.held) + len(fold.test) == len(items)


def test_the_voice_model_answers_with_the_shared_seven_and_calm() -> None:
    assert EmoscopeVoice().prepare(corpus(), "own").label_set == VOICE_LABELS


def test_neutral_may_be_called_calm_where_nobody_says_calm() -> None:
    items = EmoscopeVoice().prepare(corpus(), "own")
    right, weight = emoscope_voice.targets(items)
    calm = VOICE_LABELS.index("calm")
    for clip, row, heavy in zip(items.clips, right, weight, strict=True):
        assert row[VOICE_LABELS.index(clip.label)] == 1
        both = clip.label == "neutral" and clip.corpus != "ravdess"
        assert row.sum() == (2 if both else 1)
        assert (row[calm] == 1) == (both or clip.label == "calm")
        if clip.corpus != "emodb":
            assert heavy == (2 if clip.corpus == "ravdess" and clip.label == "neutral" else 1)
    disgust = [clip.corpus == "emodb" and clip.label == "disgust" for clip in items.clips]
    assert (weight[disgust] > 2).all(), "rare in EMO-DB"


def test_an_epoch_has_but_some_of_tess() -> None:
    few = EmoscopeVoice().prepare(corpus(), "own")
    tess = np.array([clip.corpus == "tess" for clip in few.clips])
    many = few.take(np.concatenate([np.flatnonzero(~tess), np.repeat(np.flatnonzero(tess), 50)]))
    order = EmoscopeVoice().order(many, np.random.default_rng(0))
    drawn = [many.clips[index].corpus for index in order]
    assert drawn.count("tess") == emoscope_voice.TESS_PER_EPOCH
    assert len(set(order.tolist())) == len(order)
    only = many.take(np.array([clip.corpus == "tess" for clip in many.clips]))
    assert len(EmoscopeVoice().order(only, np.random.default_rng(0))) == len(only)


def test_a_batch_of_voices_is_whole_and_repeats() -> None:
    rng = np.random.default_rng(0)
    items = EmoscopeVoice().prepare(corpus(), "own").take(np.arange(6))
    loud = tuple((rng.standard_normal(n) * 0.1).astype(np.float32) for n in (800, 1600, 9000) * 2)
    ends = np.array([[0, len(w)] for w in loud])
    items = SpeechCorpus(items.clips, loud, ends, items.label_set)
    front = VoiceNet().front
    made = [
        EmoscopeVoice().batch(front, items, np.arange(6), np.random.default_rng(3))
        for _ in range(2)
    ]
    assert all(torch.isfinite(value).all() for value in made[0].values())
    assert all(torch.equal(made[0][key], made[1][key]) for key in made[0])
    assert made[0]["front0"].shape == (6, front.size)
    loss = EmoscopeVoice().loss(VoiceNet(), made[0])
    assert torch.isfinite(loss)


def test_every_part_of_the_voice_network_learns() -> None:
    torch.manual_seed(0)
    network = VoiceNet(readers=2, hidden=8, narrow=4)
    batch = {
        "front0": torch.randn(4, network.front.size),
        "right": torch.eye(8)[:4],
        "weight": torch.ones(4),
    }
    EmoscopeVoice().loss(network, batch).backward()
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert not any(name.startswith("front") for name in learning)
    for name, parameter in learning.items():
        assert parameter.grad is not None, name
        # A norm takes the mean out of the offset before it.
        if "weight" in name or "norm" in name or "head" in name:
            assert parameter.grad.abs().sum() > 0, name


def test_turns_hold_every_speaker_once_but_those_of_small_corpora() -> None:
    items = EmoscopeVoice().prepare(corpus(), "own")
    parts = emoscope_voice.turns(items)
    assert len(parts) == emoscope_voice.TURNS
    people = [set(items.take(part).speakers) for part in parts]
    for number, some in enumerate(people):
        assert {who.split()[0] for who in some} == {"ravdess", "emodb"}
        assert not any(some & other for other in people[number + 1 :])
    assert set.union(*people) == {who for who in items.speakers if not who.startswith("tess")}
    alone = items.take(np.array([clip.corpus == "tess" for clip in items.clips]))
    assert emoscope_voice.turns(alone) == []


def test_the_voices_temperature_is_judged_by_speakers_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = EmoscopeVoice()
    items = recipe.prepare(corpus(), "own")
    (fold,) = recipe.own_split(items)
    learn, held = items.take(fold.learn), items.take(fold.held)
    taught: list[tuple[SpeechCorpus, SpeechCorpus]] = []

    class Trained:
        def __init__(self, number: float) -> None:
            self.number = number

        def logits(self, items: SpeechCorpus) -> np.ndarray:
            return np.full((len(items), 8), self.number)

    def train(rest: SpeechCorpus, out: SpeechCorpus, *_: object) -> Trained:
        taught.append((rest, out))
        return Trained(len(taught))

    monkeypatch.setattr(recipe, "train", train)
    judged = recipe.judge(Trained(0), learn, held, VOICE_LABELS, tmp_path, Settings())
    wanted = [np.zeros(len(held))]
    for number, (rest, out) in enumerate(taught, start=1):
        assert not set(rest.speakers) & set(out.speakers)
        assert set(rest.names) | set(out.names) == set(learn.names)
        wanted.append(np.full(len(out), number))
    np.testing.assert_array_equal(judged.logits[:, 0], np.concatenate(wanted))
    truth = [held.labels, *(out.labels for _, out in taught)]
    np.testing.assert_array_equal(judged.truth, np.concatenate(truth))
    assert len(taught) == emoscope_voice.TURNS


def test_boredom_is_learnt_where_it_is_not_for_shipping() -> None:
    assert "boredom" not in EmoscopeVoice().prepare(corpus(), "own").label_set.names
    assert "boredom" in EmoscopeVoice().prepare(corpus(), "kfold-speakers").label_set.names


def test_tess_alone_at_random_has_fourteen_classes() -> None:
    tess = corpus().take(np.array([clip.corpus == "tess" for clip in corpus().clips]))
    assert len(EmoscopeVoice().prepare(tess, "random").label_set) == 14
    assert len(EmoscopeVoice().prepare(tess, "kfold-speakers").label_set.names) < 14


def test_the_face_network_goes_on_from_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(network: FaceNet, checkpoint: str | None) -> None:
        assert checkpoint == "somewhere"
        network.pretrained = True

    monkeypatch.setattr(faceres, "load", load)

    class Narrow(FaceNet):
        def __init__(self, labels: int, votes: int) -> None:
            super().__init__(labels, votes, widths=(4, 6, 8))

    monkeypatch.setattr(emoscope_face, "FaceNet", Narrow)
    recipe = emoscope_face.EmoscopeFace()
    network = recipe.network(5, Settings(checkpoint="somewhere"))
    assert isinstance(network, Narrow)
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (6, 48, 48), generator=generator, dtype=torch.uint8)
    before = network.eval().embed(crops)
    recipe.acquaint(network, crops)
    assert not torch.equal(network.stem[1].running_mean, torch.zeros(4))
    torch.testing.assert_close(network.embed(crops), before, rtol=1e-3, atol=1e-3)
    network.train()
    recipe.begin_epoch(network, 0, 10)
    assert not any(p.requires_grad for p in network.stem.parameters())
    fresh = recipe.network(5, Settings(from_scratch=True))
    assert isinstance(fresh, Narrow)
    recipe.acquaint(fresh, crops)
    recipe.begin_epoch(fresh, 0, 10)
    assert all(p.requires_grad for p in fresh.parameters())
    assert torch.equal(fresh.stem[1].running_mean, torch.zeros(4))


def test_the_face_loss_counts_votes_where_there_are_some() -> None:
    torch.manual_seed(0)
    network = FaceNet(widths=(4, 6, 8)).eval()
    target = torch.eye(7)[torch.tensor([0, 3, 6])]
    batch = {"crops": torch.rand(3, 48, 48) * 255, "target": target, "votes": torch.zeros(3, 8)}
    alone = emoscope_face.EmoscopeFace().loss(network, batch)
    batch["votes"][1, 3] = 1.0
    both = emoscope_face.EmoscopeFace().loss(network, batch)
    said = network(batch["crops"])[1][1].log_softmax(0)[3]
    torch.testing.assert_close(both - alone, -said)


def pictures(votes: list[dict[str, int]], *labels: str, names: tuple[str, ...]) -> FaceCorpus:
    """Pictures with FER+'s votes, labelled by ``names`` alone."""
    counts = np.zeros((len(votes), len(FERPLUS_LABELS)), np.float32)
    for row, given in enumerate(votes):
        for name, count in given.items():
            counts[row, FERPLUS_LABELS.index(name)] = count
    return FaceCorpus.of(
        np.random.default_rng(0).integers(0, 256, (len(votes), 48, 48), dtype=np.uint8),
        np.array([names.index(label) for label in labels], np.int64),
        tuple(map(str, range(len(votes)))),
        label_set=LabelSet(names),
        votes=counts,
        tagged=counts.sum(1),
    )


def test_faces_are_answered_as_most_people_voted() -> None:
    votes = [{"sad": 6, "fear": 4}, {"angry": 10}, {"sad": 5, "fear": 5}, {}, {"contempt": 9}]
    labels = ("fear", "sad", "fear", "sad", "angry")
    recipe = emoscope_face.EmoscopeFace()
    some = pictures(votes, *labels, names=("sad", "fear", "angry"))
    assert recipe.truth(some).tolist() == [0, 2, -1, -1, -1]
    fewer = pictures(votes[:4], *labels[:4], names=("sad", "fear"))
    assert recipe.truth(fewer).tolist() == [0, -1, -1, -1], "angry is no answer there"
    none = pictures([{}] * 5, *labels, names=("sad", "fear", "angry"))
    assert recipe.truth(none).tolist() == [1, 0, 1, 0, 2]


def test_votes_are_learnt_in_the_order_of_the_labels() -> None:
    votes = [{"sad": 6, "fear": 4}, {"angry": 7, "contempt": 2}, {}]
    recipe = emoscope_face.EmoscopeFace()
    some = pictures(votes, "fear", "sad", "sad", names=("sad", "fear"))
    assert recipe.votes(some).tolist() == [[6, 4, 0], [0, 0, 9], [0, 0, 0]]
    network = recipe.network(2, Settings(from_scratch=True))
    assert network.vote_head.out_features == 3
    whole = pictures(votes, "fear", "sad", "sad", names=SHARED)
    assert recipe.votes(whole).tolist() == whole.votes.tolist()
    none = pictures([{}] * 3, "fear", "sad", "sad", names=("sad", "fear"))
    assert recipe.votes(none).tolist() == [[0, 1, 0], [1, 0, 0], [1, 0, 0]], "the label's one vote"


def test_the_labels_temperature_is_fitted_on_the_pictures_held_back() -> None:
    torch.manual_seed(0)
    network = FaceNet(labels=3, votes=4, widths=(4, 6, 8))
    held = pictures([{"sad": 9}] * 40, *["sad"] * 40, names=("sad", "fear", "angry"))
    network.settle_norms(torch.from_numpy(held.crops))
    torch.nn.init.normal_(network.label_head.weight, std=3.0)
    with torch.inference_mode():
        sure = network(torch.from_numpy(held.crops))[0].argmax(1).numpy()
    # Every third of its answers is wrong.
    held = replace(held, labels=np.where(np.arange(40) % 3 == 0, (sure + 1) % 3, sure))
    emoscope_face.EmoscopeFace().finish(network, held)
    with torch.inference_mode():
        logits = network.label_head(network.embed(torch.from_numpy(held.crops))).double()
    truth = torch.from_numpy(held.labels)
    heats = np.geomspace(0.05, 20, 4000)
    costs = [float(torch.nn.functional.cross_entropy(logits / heat, truth)) for heat in heats]
    best = heats[int(np.argmin(costs))]
    assert 0.06 < best < 19
    assert abs(best - 1) > 0.1
    assert float(network.label_temperature) == pytest.approx(best, rel=0.01)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())


@pytest.mark.parametrize("view", [48, 96])
def test_face_views_keep_shape_and_range(view: int) -> None:
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (32, 48, 48), generator=generator, dtype=torch.uint8)
    views = emoscope_face.augment(crops, view, generator)
    assert views.shape == (32, view, view)
    assert torch.isfinite(views).all()
    assert views.min() >= 0
    assert views.max() <= 255
    assert not torch.allclose(views[0], views[1])


def test_face_views_depend_on_nothing_but_the_generator() -> None:
    crops = torch.arange(4 * 48 * 48).reshape(4, 48, 48) % 256
    first, again = (
        emoscope_face.augment(crops, 96, torch.Generator().manual_seed(5)) for _ in range(2)
    )
    assert torch.equal(first, again)
