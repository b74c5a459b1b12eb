"""What `import tuner` offers: a small, tested list of names, and functions that return values."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tuner
from tests.golden.situations import document_of
from tests.unit.comparison.documents import result as document_for_comparison
from tests.unit.studies import function_of
from tuner.documents.result import dumps
from tuner.model import SamplerName
from tuner.pricing.price_list import price_list
from tuner.settings import MemorySizes
from tuner.simulated.backend import SimulatedBackend

NAMES = {
    "Advice", "AllFailedError", "Architecture", "Backend", "BackendError", "BackendFactory", "BackendKind",
    "ComparisonResult", "Configuration", "Connection", "Estimate", "Fault", "Finding", "InputError",
    "InterruptedRunError", "Interval", "LeftBehindError", "Measurement", "Metric", "Notice", "Observer", "Options",
    "Recommendation", "Result", "Saving", "Settings", "StopReason", "StrategyName", "TunerError", "Verdict",
    "WorkflowResult", "__version__", "advise", "advise_functions", "compare", "concurrency", "duet", "load_result",
    "tune", "tune_workflow",
}  # fmt: skip
SETTINGS = tuner.Settings("simulated", memory=MemorySizes(listed=(128, 512, 1024)), sampler=SamplerName.GRID, runs=6)


def tuned(**changes: Any) -> tuner.Result:
    """A tuning of a simulated function."""
    return tuner.tune(SETTINGS, backend=SimulatedBackend(function_of()), prices=price_list, **changes)


def test_the_public_names_are_these() -> None:
    assert set(tuner.__all__) == NAMES
    assert set(tuner.__all__) <= set(dir(tuner))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_is_what_type_checkers_see_and_is_documented(name: str) -> None:
    value = getattr(tuner, name)
    if name == "__version__":
        return
    assert value.__doc__
    body = ast.parse(Path(str(tuner.__file__)).read_text("utf-8")).body
    (checked,) = [node for node in body if isinstance(node, ast.If)]
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.asname: node.module for node in imports for alias in node.names}
    assert getattr(sys.modules[str(homes[name])], name) is value


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'optimize'"):
        _ = tuner.optimize


def test_a_tuning_returns_what_was_found_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    result = tuned()
    assert result.recommendation is not None
    assert result.recommendation.configuration in {found.configuration for found in result.measurements}
    assert str(result.recommendation).startswith(f"{result.recommendation.memory_mb:,} MB x86_64: ")
    assert result.current == tuner.Configuration(512, tuner.Architecture.X86_64)
    assert [found.runs for found in result.measurements] == [6, 6, 6]
    assert {found.configuration for found in result.curve} >= set(result.frontier)
    assert {found.strategy for found in result.alternatives} == set(tuner.StrategyName) - {tuner.StrategyName.COST}
    assert result.stopped_by is tuner.StopReason.COMPLETE
    assert capsys.readouterr() == ("", "")


def test_a_saving_is_told_where_another_size_is_better() -> None:
    result = tuned()
    assert result.recommendation is not None
    assert result.saving is not None
    assert result.saving.cost.low <= result.saving.cost.mean <= result.saving.cost.high
    assert result.saving.per_month_usd is None


def test_a_result_that_is_saved_is_loaded_as_it_was(tmp_path: Path) -> None:
    result = tuned(output=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"samples.jsonl", "result.json", "report.html"}
    assert tuner.load_result(tmp_path / "run") == tuner.load_result(tmp_path / "run" / "result.json") == result


def test_every_form_of_a_result_is_a_text(tmp_path: Path) -> None:
    result = tuned()
    page = result.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == page
    assert page.startswith("<!doctype html>")
    assert result.to_markdown().startswith("### ")
    assert result._repr_markdown_() == result.to_markdown()
    assert result.to_csv().startswith("memory_mb,architecture")
    assert result.to_text()
    assert result.recommendation is not None
    assert f"{result.recommendation.memory_mb:,} MB" in repr(result)


def test_a_data_frame_needs_pandas_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(tuner.TunerError, match="needs pandas") as caught:
        tuned().to_frame()
    assert caught.value.hint == "Install it:\n$ pip install pandas"


def test_a_data_frame_has_the_rows_of_the_csv_form(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType("pandas")
    fake.read_csv = lambda text: text.read()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", fake)
    result = tuned()
    assert result.to_frame() == result.to_csv()


def test_every_fault_of_the_arguments_is_told_under_its_keyword() -> None:
    with pytest.raises(tuner.InputError) as caught:
        tuner.tune("no such function!", power_values=[64], tolerance=2.0, max_p95_ms=-1)
    assert {fault.path for fault in caught.value.faults} == {"target", "power_values[0]", "tolerance", "max_p95_ms"}


def test_an_error_holds_what_was_measured(tmp_path: Path) -> None:
    class Lost(SimulatedBackend):
        def measure(self, trials: Any, stop: Any) -> Any:
            yield from super().measure(trials[:1], stop)
            raise tuner.BackendError("The network is gone.")

    with pytest.raises(tuner.BackendError, match="network") as caught:
        tuner.tune(SETTINGS, backend=Lost(function_of()), prices=price_list, output=tmp_path)
    assert [found.runs for found in caught.value.result.measurements] == [6]
    assert tuner.load_result(tmp_path) == caught.value.result


def test_ctrl_c_in_a_notebook_keeps_what_was_measured() -> None:
    class Interrupted(SimulatedBackend):
        def measure(self, trials: Any, stop: Any) -> Any:
            yield from super().measure(trials[:2], stop)
            raise KeyboardInterrupt

    with pytest.raises(tuner.InterruptedRunError) as caught:
        tuner.tune(SETTINGS, backend=Interrupted(function_of()), prices=price_list)
    assert len(caught.value.result.measurements) == 2


def test_two_results_are_compared(tmp_path: Path) -> None:
    before, after = tuner.Result(document_for_comparison()), tuner.Result(document_for_comparison(0.5, seed=1))
    found = tuner.compare(before, after, threshold=0.1, metrics=["duration"])
    assert found.verdict is tuner.Verdict.WORSE
    assert found.findings[0].metric is tuner.Metric.DURATION
    path = tmp_path / "before.json"
    path.write_text(dumps(before.document), "utf-8")
    assert tuner.compare(path, before).verdict in (tuner.Verdict.SAME, tuner.Verdict.NOT_DECIDED)
    assert found.document["verdict"] == "worse"
    assert found.to_markdown() == found._repr_markdown_()
    assert "worse" in found.to_text().lower()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"threshold": 0}, "threshold"), ({"confidence": 1}, "confidence"), ({"metrics": ["speed"]}, "use one of"),
     ({"allow_different": ["colour"]}, "use one of"), ({"drift": -1}, "drift")],
)  # fmt: skip
def test_a_comparison_with_a_wrong_argument_is_refused(wrong: dict[str, Any], said: str) -> None:
    result = tuner.Result(document_for_comparison())
    with pytest.raises(tuner.InputError, match=said):
        tuner.compare(result, result, **wrong)


def test_what_is_no_result_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    for address in (tmp_path / "none.json", tmp_path, tmp_path / "old.json"):
        with pytest.raises(tuner.InputError, match=tmp_path.name):
            tuner.load_result(address)


def test_a_result_without_an_answer_has_no_recommendation() -> None:
    document: Any = document_of("all-failed")
    result = tuner.Result(document)
    assert result.recommendation is None
    assert result.saving is None
    assert result.frontier == ()
    assert all(found.duration_ms is None and found.errors for found in result.measurements)


def test_a_misspelt_keyword_is_refused_and_gets_the_nearest() -> None:
    misspelt: Any = {"powervalues": [128]}
    with pytest.raises(TypeError, match=r"tune\(\) got an unexpected keyword argument 'powervalues'. Did you mean"):
        tuner.tune("app.py:handler", **misspelt)
    with pytest.raises(TypeError, match=r"duet\(\) got an unexpected keyword argument 'powervalues'. Did you mean"):
        tuner.duet("app.py:handler", baseline="1", candidate="2", **misspelt)


def test_a_fault_of_an_argument_is_told_under_its_keyword() -> None:
    with pytest.raises(tuner.InputError) as caught:
        tuner.tune("absent.py:handler", python="absent", power_values=[1])
    assert [fault.path for fault in caught.value.faults] == ["power_values[0]", "target", "python"]
