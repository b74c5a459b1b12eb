"""Files that speak of the project to people and to services say what is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tuner
from reports.words.warnings import TITLES
from tuner.comparison.baselines import Mismatch
from tuner.comparison.verdicts import DuetStop
from tuner.search.decision import Doubt
from tuner.vocabulary import StopReason

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_site_shows_every_page() -> None:
    navigation = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2])
    folder = ROOT / "docs"
    assert sorted(navigation) == sorted(str(path.relative_to(folder)) for path in folder.rglob("*.md"))


def test_codes_of_results_are_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "codes.md").read_text("utf-8")))
    assert {*StopReason, *DuetStop, *Doubt, *TITLES} - listed == set()


def codes_in(*places: str) -> Iterator[str]:
    """The codes of the notices that the modules of some folders make, read off their sources."""
    for path in [path for place in places for path in sorted(ROOT.glob(place))]:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Notice", "self._note"):
                yield from [code.value for code in call.args[:1] if isinstance(code, ast.Constant)]


@pytest.mark.parametrize(
    ("title", "codes"),
    [
        (
            "Warnings of comparisons",
            {
                *codes_in("tuner/comparison/**/*.py", "tuner/api/comparing/duet.py"),
                *(f"other_{way}" for way in Mismatch),
            },
        ),
        ("Warnings of workflows", {*codes_in("tuner/workflows/**/*.py", "tuner/api/workflows/*.py")}),
    ],
)
def test_the_codes_of_a_kind_of_document_are_those_of_its_table(title: str, codes: set[str]) -> None:
    section = (ROOT / "docs" / "codes.md").read_text("utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    assert len(codes) >= 10
    assert {code for cell in first_cells for code in re.findall(r"`(\w+)`", cell)} == codes


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


def test_the_changelog_has_a_section_for_the_version() -> None:
    assert f"## [{tuner.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_commit_hooks_run_what_continuous_integration_runs() -> None:
    yaml = pytest.importorskip("yaml")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    steps = re.search(r"^check: .*\n\t.* --jobs 2 setup (.+) compiled\n\t.* (test)\n", makefile, re.MULTILINE)
    assert steps is not None
    assert [hook["entry"] for hook in hooks] == [f"make {step}" for step in f"{steps[1]} {steps[2]}".split()]
