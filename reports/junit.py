"""A comparison as JUnit XML, which CI systems show as tests: one case for each metric and configuration.

Worse is a failure, not decided is skipped. Under `strict` it is a failure where it leaves the whole comparison open,
so that there is one whenever the exit code is not 0.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from reports.words.comparison import bounds, change, headline, note, value_text
from reports.words.escape import xml_text
from tuner.comparison.question import Metric
from tuner.comparison.verdicts import Comparison, Finding, Verdict, leaves_open


def render_junit(comparison: Comparison, *, strict: bool = False) -> str:
    """The XML document, with its declaration."""
    # Some systems take a report without a case for a broken one.
    cases = [_case(finding, comparison, strict) for finding in comparison.findings] or [_first_baseline(comparison)]
    suite = ET.Element("testsuite", name=f"tuner {comparison.method}")
    suite.extend(cases)
    counts = {
        "tests": str(len(cases)),
        "failures": str(len(suite.findall("*/failure"))),
        "skipped": str(len(suite.findall("*/skipped"))),
        "errors": "0",
    }
    suite.attrib.update(counts)
    root = ET.Element("testsuites", counts)
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(finding: Finding, comparison: Comparison, strict: bool) -> ET.Element:
    where = str(finding.configuration) if finding.configuration else "overall"
    case = ET.Element("testcase", classname=xml_text(where), name=finding.metric.value)
    told = xml_text(_told(finding, comparison.currency))
    decided = comparison.verdict in (Verdict.SAME, Verdict.BETTER)
    opens = strict and not decided and leaves_open(finding, comparison.question)
    if finding.verdict is Verdict.WORSE or opens:
        failure = ET.SubElement(case, "failure", message=told, type=finding.verdict.value)
        failure.text = f"baseline: {xml_text(comparison.baseline)}\ncandidate: {xml_text(comparison.candidate)}\n{told}"
    elif finding.verdict is Verdict.NOT_DECIDED:
        ET.SubElement(case, "skipped", message=told)
    else:
        ET.SubElement(case, "system-out").text = told
    return case


def _first_baseline(comparison: Comparison) -> ET.Element:
    case = ET.Element("testcase", classname="overall", name="first baseline")
    ET.SubElement(case, "skipped", message=xml_text(headline(comparison)))
    return case


def _told(finding: Finding, currency: str) -> str:
    parts = [finding.verdict.value.replace("_", " ")]
    if finding.effect:
        parts.append(f"{change(finding)} ({bounds(finding.effect)})" if change(finding) else "change not known")
    if finding.baseline is not None:
        both = (value_text(finding.metric, value, currency) for value in (finding.baseline, finding.candidate))
        unit = " per million" if finding.metric is Metric.COST else ""
        parts.append(f"{' → '.join(both)}{unit}")
    return ": ".join([", ".join(parts), *([note(finding)] if note(finding) else [])])
