"""What watching tells people: a message that reads well in chat, and the text of a pull request.

Names, causes and texts of files come from outside: here they become text of their form and do nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports.words.escape import code_block, code_span, visible
from reports.words.lines import labelled
from tuner.plain_numbers import chance_words
from tuner.shell_lines import with_command
from tuner.watch.decision import FEWEST_WEEKS, Watched
from tuner.watch.messages import Retuning, RetuningOutcome, WatchReport

MOST_SUBJECT = 100
"""Characters of the subject of an SNS message, which is ASCII without line ends (SNS API reference)."""
_NOT_IN_COMMENT = re.compile(r"[^A-Za-z0-9._:/$-]+|-{2,}")
"""What could end a comment of HTML."""


def found_sentence(report: WatchReport) -> str:
    """What was found, in one sentence."""
    decision, excess = report.decision, report.decision.excess
    name = visible(report.function)
    size = f" at {report.memory_mb:,} MB" if report.memory_mb else ""
    if decision.outcome is Watched.TOO_FEW_WEEKS or excess is None:
        return f"{name}: too few weeks to tell: the log shows {decision.weeks} of {FEWEST_WEEKS} since the tuning."
    found = f"{excess.mean:+.0%} ({excess.low:+.0%} to {excess.high:+.0%})"
    if decision.outcome is Watched.TUNE:
        return (
            f"{name}{size} takes {found} against the weeks before, two weeks in a row. "
            f"The chance that it is more than {report.threshold:.0%} is {chance_words(decision.chance)}."
        )
    return f"{name}{size} takes {found} against the weeks before: left alone."


def sns_message(report: WatchReport) -> tuple[str, str]:
    """Subject and text of a message on one function."""
    verb = {
        Watched.TUNE: "is slower: tune it again",
        Watched.LEAVE: "is as before",
        Watched.TOO_FEW_WEEKS: "has too few weeks",
    }[report.decision.outcome]
    return _subject(f"{report.function} {verb}"), labelled(told(report), None) + "\n"


def digest(reports: Sequence[WatchReport], unread: Sequence[str] = (), *, page: str = "") -> tuple[str, str]:
    """Subject and text of one message on all functions that became slower; the others are counted.

    Args:
        reports: of all functions that could be read.
        unread: why others could not be read, a sentence each.
        page: address of the page of all tunings; empty: there is none.
    """
    slower = [report for report in reports if report.decision.outcome is Watched.TUNE]
    verb = "is slower" if len(slower) == 1 else "are slower"
    subject = f"{', '.join(report.function for report in slower)} {verb}"
    if len(subject) > MOST_SUBJECT:
        subject = f"{len(slower)} functions {verb}"
    others = len(reports) - len(slower)
    paragraphs = [labelled(told(report), None) for report in slower]
    if others:
        paragraphs.append(f"{others} other function{'s are' if others > 1 else ' is'} as before or too new to tell.")
    rest = [*map(visible, unread), *([f"All tunings: {visible(page)}"] if page else [])]
    return _subject(subject), "\n\n".join([*paragraphs, *rest]) + "\n"


def _subject(text: str) -> str:
    return visible(text).encode("ascii", "backslashreplace").decode()[:MOST_SUBJECT]


def told(report: WatchReport) -> str:
    """What was found of a function, a line each; a line that begins with `$ ` is a command."""
    lines = [found_sentence(report)]
    if report.memory_headroom is not None:
        lines.append(f"Memory: {report.memory_headroom:.0%} unused at the peak.")
    if report.cold_share is not None:
        lines.append(f"Cold starts: {report.cold_share:.1%} of runs.")
    if report.retuning:
        lines += _retuned(report.retuning)
    elif report.decision.outcome is Watched.TUNE and report.command:
        lines.append(with_command("Next:", visible(report.command)))
    return "\n".join(lines)


def _retuned(outcome: RetuningOutcome) -> list[str]:
    told = {
        Retuning.TUNED: f"Tuned again for ${outcome.cost_usd:.2f}: {outcome.found}",
        Retuning.FAILED: f"Tuning it again failed: {outcome.found}",
        Retuning.CEILING: f"Not tuned again: {outcome.found}",
        Retuning.NO_INPUT: f"Not tuned again: {outcome.found}",
    }[outcome.status]
    return [visible(told), *([f"Report: {visible(outcome.report)}"] if outcome.report else [])]


def pull_request(function: str, why: str, diff: str, markdown: str) -> tuple[str, str]:
    """Title and text of the pull request of one function.

    Args:
        function: its name in the project's files.
        why: what is proposed, in Markdown.
        diff: what changes in the files.
        markdown: the report of the new result.
    """
    marker = f"<!-- lambda-tuner watch {_NOT_IN_COMMENT.sub('-', function)} -->"
    text = f"{marker}\n{why}\n\n{code_block(diff.rstrip(), 'diff')}\n\n{markdown.rstrip()}\n"
    return f"Right-size {visible(function)}", text


def closing_comment(why: str) -> str:
    """What a pull request that no longer holds is closed with."""
    return f"This no longer holds: {code_span(why)}"
