"""Titles of warnings for people; the code stays for programs and for looking it up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reports.words.rows import Result

TITLES = {
    "architecture": "Another architecture",
    "architecture_left_out": "An architecture was left out",
    "constraints_unmet": "No size meets the bounds",
    "copies": "Measured on copies",
    "cost_not_known": "Some costs are not known",
    "cpu_not_limited": "The CPU share was not limited",
    "curve_fallback": "No curve could be fitted",
    "first_baseline": "The first baseline",
    "function_changed": "The function was deployed meanwhile",
    "history_limit": "The execution's history was nearly full",
    "interrupted": "Interrupted",
    "first_answer": "Check the answer",
    "local_estimate": "How steady this machine was",
    "no_logs": "Some reports were not found",
    "all_runs_cold": "All runs were cold",
    "alias_release": "The alias moves to another release",
    "concurrency": "Fewer calls at once",
    "failing_answers": "Answers that tell of a failure",
    "input_read": "How the input was read",
    "shared_tmp": "A shared /tmp",
    "slow_runs_not_seen": "Rare slow runs may be missing",
    "unknown_field": "Fields that are not known",
    "versions": "Measured on versions",
    "past_runs": "The log was used",
    "past_runs_differ": "The log shows another duration",
    "noisy_host": "Less exact than it could be",
    "uneven_speed": "The machine's speed changed",
    "one_core": "Only one core",
    "payloads_not_sent": "Payloads that were never sent",
    "payload_unknown": "The payload is not known",
    "prices_unconfirmed": "Prices to look up",
    "recovered": "An earlier run was undone first",
    "simulated": "Simulated",
    "sizes_left_out": "Some sizes were left out",
}


_NOTES = frozenset({"first_answer", "input_read", "local_estimate", "past_runs", "copies", "versions", "simulated"})
"""Warnings that warn of nothing: they tell how the result came about."""


class Warned(NamedTuple):
    """A warning: its title, its message, and the code that programs know it by."""

    title: str
    message: str
    code: str

    @property
    def is_known(self) -> bool:
        """Whether its title is one of these words; else it is made of its code, which is text from outside."""
        return self.code in TITLES

    @property
    def is_note(self) -> bool:
        """Whether it only tells how the result came about."""
        return self.code in _NOTES


def warned(result: Result) -> Iterator[Warned]:
    """The warnings of a result with their titles; an unmet bound is in the headline already."""
    for warning in result["warnings"]:
        code = warning["code"]
        if code != "constraints_unmet":
            yield Warned(TITLES.get(code, code.replace("_", " ").capitalize()), warning["message"], code)
