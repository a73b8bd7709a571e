"""What is published beside the code: addresses, citation, pictures for the index, the release."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from metaplastic import __version__
from metaplastic.errors import ConfigError
from metaplastic.hub import load_card
from metaplastic.meta.config_tables import make_table, recipes

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOME = PROJECT["project"]["urls"]["Homepage"]


def load_yaml(name: str) -> Any:
    return pytest.importorskip("yaml").safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name",
    ["CITATION.cff", "SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml", "pyproject.toml"],
)
def test_there_is_one_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"https://(?:raw\.githubusercontent|github)\.com/[\w-]+/[\w-]+", text)
    assert links
    raw = HOME.replace("github.com", "raw.githubusercontent.com")
    assert set(links) <= {HOME, raw}


def test_the_citation_names_the_release_and_both_papers() -> None:
    citation = load_yaml("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert [paper["year"] for paper in citation["references"]] == [2019, 2018]
    for paper in citation["references"]:
        assert [author["family-names"] for author in paper["authors"]][::3] == [
            "Metz",
            "Sohl-Dickstein",
        ]


def test_pictures_and_links_of_the_index_page_are_absolute() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    relative = re.findall(r"\]\((?!https?:|#)([^)]+)\)", text)
    assert len(relative) >= 3
    assert all((ROOT / path).exists() for path in relative)
    hook = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for substitution in hook["substitutions"]:
        text = re.sub(substitution["pattern"], substitution["replacement"], text)
    assert not re.findall(r"\]\((?!https?:|#)([^)]+)\)", text)
    assert "/v$HFPR_VERSION/docs/images/demo.png)" in text


def test_the_release_is_tested_where_people_install_it() -> None:
    release = load_yaml(".github/workflows/release.yml")
    matrix = release["jobs"]["test"]["strategy"]["matrix"]
    assert {os.partition("-")[0] for os in matrix["os"]} == {"ubuntu", "macos", "windows"}
    declared = [
        classifier.rpartition(" ")[2]
        for classifier in PROJECT["project"]["classifiers"]
        if re.search(r":: 3\.\d+$", classifier)
    ]
    assert matrix["python"] == declared == ["3.11", "3.12", "3.13", "3.14"]
    publish = release["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "test" in publish["needs"]
    for name in release["jobs"]["test"]["steps"][-1]["run"].split():
        assert not name.startswith("tests/") or (ROOT / name).exists(), name


def test_the_recipe_that_a_card_names_is_found_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = re.search(r"--config (\S+)", load_card("default").command)
    assert named is not None
    assert named[1] in recipes()
    assert make_table("quick", Path(named[1]))["stages"]
    with pytest.raises(
        ConfigError, match=r"unknown recipe .* Did you mean 'recipes/default\.toml'"
    ):
        make_table("quick", Path("recipes/defalt.toml"))
    (tmp_path / "recipes").mkdir()  # a file of the user's own comes first
    (tmp_path / named[1]).write_text("seed = 3")
    assert make_table("quick", Path(named[1]))["seed"] == 3
