"""The committed figures are what the code draws from the committed results."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from metaplastic.figures import save_figure

RESULTS = Path(__file__).parents[2] / "results"
PICTURES = [
    png
    for png in sorted(RESULTS.rglob("*.png"))
    if (json_file := png.with_suffix(".json")).is_file()
    and json.loads(json_file.read_text()).get("kind") == "study"
]


@pytest.mark.slow
@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: str(p.relative_to(RESULTS)))
def test_a_picture_is_drawn_from_its_results(picture: Path, tmp_path: Path) -> None:
    with Image.open(picture) as committed:
        drawn_by = str(committed.info.get("Software", ""))
        pixels = np.asarray(committed)
    if f"version{mpl.__version__}," not in drawn_by:
        pytest.skip(f"drawn by {drawn_by!r}; other versions of Matplotlib place text differently")
    content = json.loads(picture.with_suffix(".json").read_text())
    with Image.open(save_figure(content, tmp_path / "drawn.png")) as drawn:
        np.testing.assert_array_equal(np.asarray(drawn), pixels)
