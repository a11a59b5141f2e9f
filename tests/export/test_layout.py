from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.export.canvas import Rect
from emoscope.export.layout import face_rect, place_labels, place_panels

BOUNDS = Rect(4, 4, 636, 356)


@st.composite
def boxes(draw: st.DrawFn) -> Rect:
    x, y = draw(st.integers(-50, 640)), draw(st.integers(-50, 360))
    return Rect(x, y, x + draw(st.integers(1, 300)), y + draw(st.integers(1, 300)))


@given(st.lists(boxes(), max_size=8), st.integers(1, 200), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_labels_stay_inside(faces: list[Rect], width: int, height: int) -> None:
    placed = place_labels(faces, [(width, height)] * len(faces), BOUNDS, 5)
    assert len(placed) == len(faces)
    for place in placed:
        assert (place.rect.width, place.rect.height) == (width, height)
        assert BOUNDS.shared_area(place.rect) == width * height


@given(st.lists(boxes(), max_size=3), st.integers(10, 150), st.integers(10, 150))
@settings(max_examples=60, deadline=None)
def test_panels_stay_inside_and_cover_nothing(faces: list[Rect], width: int, height: int) -> None:
    taken = [Rect(200, 100, 260, 120)]
    placed = place_panels(faces, (width, height), taken, BOUNDS, 6)
    if placed is None:
        return
    rects = [place.rect for place in placed]
    for index, rect in enumerate(rects):
        assert BOUNDS.shared_area(rect) == width * height
        for other in [*faces, *taken, *rects[:index]]:
            assert rect.shared_area(other) == 0


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12, unique=True),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_where_there_is_room_labels_cover_no_face_and_no_label(cells, random) -> None:  # type: ignore[no-untyped-def]
    bounds = Rect(0, 0, 800, 600)
    faces = []
    for column, row in cells:
        x, y = 200 * column + random.randint(10, 90), 200 * row + random.randint(40, 70)
        faces.append(Rect(x, y, x + random.randint(40, 100), y + random.randint(40, 90)))
    placed = [p.rect for p in place_labels(faces, [(90, 22)] * len(faces), bounds, 5)]
    for index, rect in enumerate(placed):
        assert all(rect.shared_area(face) == 0 for face in faces)
        assert all(rect.shared_area(other) == 0 for other in placed[:index])


def test_six_faces_in_a_crowd_keep_their_labels_apart() -> None:
    faces = [Rect(100 + 60 * i, 150 + 7 * (i % 2), 150 + 60 * i, 210) for i in range(6)]
    placed = [p.rect for p in place_labels(faces, [(100, 20)] * 6, BOUNDS, 4)]
    for index, rect in enumerate(placed):
        assert all(rect.shared_area(other) == 0 for other in placed[:index])
        assert all(rect.shared_area(face) == 0 for face in faces)


def test_a_label_sits_above_its_face_and_below_one_at_the_top() -> None:
    above = place_labels([Rect(100, 100, 200, 200)], [(80, 20)], BOUNDS, 5)[0].rect
    assert above == Rect(100, 75, 180, 95)
    below = place_labels([Rect(100, 5, 200, 105)], [(80, 20)], BOUNDS, 5)[0].rect
    assert below == Rect(100, 110, 180, 130)


def test_a_label_stays_where_it_was_until_that_is_bad() -> None:
    first = place_labels([Rect(100, 20, 200, 120)], [(80, 20)], BOUNDS, 5)[0]
    assert first.rect.y1 > 120
    kept = place_labels([Rect(100, 32, 200, 132)], [(80, 20)], BOUNDS, 5, [first.slot])[0]
    assert kept.slot == first.slot
    new = place_labels([Rect(100, 32, 200, 132)], [(80, 20)], BOUNDS, 5)[0]
    assert new.slot != first.slot
    gone = place_labels([Rect(100, 240, 200, 350)], [(80, 20)], BOUNDS, 5, [first.slot])[0]
    assert gone.rect.y2 <= 240


def test_panels_are_for_all_or_for_none() -> None:
    free, full = Rect(60, 60, 120, 120), Rect(200, 0, 640, 360)
    assert place_panels([free], (50, 50), [], BOUNDS, 6) is not None
    assert place_panels([free, full], (150, 150), [], BOUNDS, 6) is None


def test_a_face_has_at_least_one_pixel() -> None:
    assert face_rect((3.2, 4.4, 3.3, 4.45)) == Rect(3, 4, 4, 5)
