"""A long command is told in lines that a shell joins again."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.shell_lines import command_lines

APPLY = "aws lambda update-function-configuration --function-name checkout --memory-size 1280 --region eu-west-1"


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("text", [APPLY, 'tuner tune a --payload \'{"x": " --y"}\' --runs 3 --output somewhere/else'])
def test_a_command_in_lines_is_the_same_to_a_shell(text: str, width: int) -> None:
    lines = command_lines(text, width)
    assert max(map(len, lines)) <= max(width, 50)
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(text)


WORDS = st.text("ab'\"\\ -|$", max_size=9) | st.sampled_from(["--payload", "-n", "it's", '{"a": "b --c"}'])


@given(st.lists(WORDS, min_size=1, max_size=9), st.integers(10, 60))
def test_a_shell_reads_the_words_of_any_command_whatever_they_hold(words: list[str], width: int) -> None:
    lines = command_lines(shlex.join(["tuner", *words]), width, "  ")
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == ["tuner", *words]
