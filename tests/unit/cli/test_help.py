"""Every command is documented: in its own help, with an example, and in docs/command-line.md."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tuner.cli.main import COMMANDS, cli, run

DOCUMENT = Path(__file__).parents[3] / "docs" / "command-line.md"
WIDTH = 110
UNBROKEN = 4000
"""Columns in which no text breaks."""


def help_of(*arguments: str, width: int = WIDTH) -> str:
    result = CliRunner().invoke(cli, [*arguments, "--help"], terminal_width=width, prog_name="tuner")
    assert result.exit_code == 0, result.output
    return result.output


def generated() -> str:
    """The part of the document that the help texts make."""
    blocks = [f"## `tuner {name}`\n\n```text\n{help_of(name).rstrip()}\n```\n" for name in COMMANDS]
    return "\n".join(blocks)


def test_the_document_holds_the_help_of_every_command() -> None:
    """Run with UPDATE_GOLDEN=1 to write it anew."""
    head, marker, tail = DOCUMENT.read_text("utf-8").partition("<!-- generated from --help -->\n")
    if os.environ.get("UPDATE_GOLDEN"):
        DOCUMENT.write_text(head + marker + "\n" + generated(), "utf-8")
        return
    assert tail == "\n" + generated()


def test_the_table_of_exit_codes_names_commands_that_exist() -> None:
    section = DOCUMENT.read_text("utf-8").partition("## Exit codes\n")[2].partition("\n## ")[0]
    named = {name.split()[0] for row in re.findall(r"^\| (`[a-z].*?) \|", section, re.MULTILINE)
             for name in re.findall(r"`([^`]+)`", row)}  # fmt: skip
    assert "advise" in named
    assert named <= {*COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_debug(name: str) -> None:
    text = help_of(name)
    assert "Example" in text
    assert f"tuner {name}" in text.split("Example")[1]
    assert "--debug" in text


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_help_of_every_command_fits_and_breaks_no_word(width: int) -> None:
    for command in [(), *[(name,) for name in COMMANDS]]:
        shown, words = help_of(*command, width=width), set(help_of(*command, width=UNBROKEN).split())
        assert [line for line in shown.splitlines() if len(line) > width] == []
        assert [word for word in shown.split() if word not in words | {"\\"}] == []


def examples(text: str) -> list[str]:
    """The commands of the examples of a help text, each in one line."""
    shown = re.sub(r" \\\n +", " ", re.split("Examples?:", text)[-1])
    return [" ".join(line.split()) for line in shown.splitlines() if line.strip().startswith("tuner")]


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_that_breaks_can_be_pasted(name: str) -> None:
    whole = help_of(name, width=UNBROKEN)
    assert examples(help_of(name, width=60)) == examples(whole)
    assert ("Examples:" in whole) == (len([line for line in whole.splitlines() if f"tuner {name}" in line]) > 2)


def test_no_default_has_a_fraction_of_zero() -> None:
    for name in COMMANDS:
        assert not re.search(r"default: \d+\.0\b", help_of(name)), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_command_says_what_it_is_for(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tun", "app.py:handler"), "Did you mean tune?"),
        (("nothing-like-it",), "Known are tune"),
        (("prices", "mars-1"), "is no AWS region"),
        (("tune", "f", "--region", "eu-west"), "did you mean eu-west"),
        (("tune", "f", "--strateg", "cost"), "No such option: --strateg. Did you mean --strategy or --strict?\n"),
        (("tune", "f", "--paylod", "{}"), "Did you mean --payload or --payload-s3?\n"),
        (("tune", "f", "--zzz"), "No such option: --zzz. `--help` lists what there is."),
    ],
)
def test_what_is_mistyped_gets_the_nearest_name(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_without_a_command_the_help_comes_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    asked = capsys.readouterr().out
    assert run([]) == 2
    assert capsys.readouterr().err.strip() == asked.strip()
