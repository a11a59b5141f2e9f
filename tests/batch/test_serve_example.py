"""The example of Ray Serve: it can be read, and it answers where Ray Serve is installed."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ray_serve.py"


def test_the_example_uses_only_what_there_is() -> None:
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("emoscope"):
            module = importlib.import_module(node.module or "")
            for name in node.names:
                assert hasattr(module, name.name)


@pytest.mark.slow
def test_the_example_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    serve = pytest.importorskip("ray.serve", exc_type=ImportError)
    spec = importlib.util.spec_from_file_location("ray_serve_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, example)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        spec.loader.exec_module(example)
        ray.cloudpickle.register_pickle_by_value(example)
        serve.run(example.app)
        done, picture = cv2.imencode(".png", np.full((60, 80, 3), 200, np.uint8))
        assert done
        address = "http://127.0.0.1:8000/"
        with urllib.request.urlopen(address, picture.tobytes(), timeout=120) as answer:
            document = json.load(answer)
        assert document["summary"]["faces"]["state"] == "no face"
        assert document["source"] == "upload"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address, b"no medium", timeout=60)
        assert refused.value.code == 422
    finally:
        serve.shutdown()
        ray.shutdown()
