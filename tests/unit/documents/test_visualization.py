"""The address of Power Tuning's page is built as Power Tuning builds it."""

from __future__ import annotations

from tuner.documents.visualization import PlottedFunction, visualization_url

FIRST = "gAAABA==;AAB6RAAASEM=;vTcGNpxTSTY="


def series(name: str = "") -> PlottedFunction:
    return PlottedFunction([128, 1024], [1000, 200], [2e-6, 3e-6], name)


def test_one_function_is_encoded_as_the_peers_test_vector() -> None:
    assert visualization_url(series()) == f"https://lambda-power-tuning.show/#{FIRST}"


def test_two_functions_carry_their_names_and_no_semicolon_ends_the_address() -> None:
    url = visualization_url(series("a b"), series("c;d"), page="https://example.com/")
    assert url == f"https://example.com/#{FIRST};{FIRST};a%20b;c%3Bd"
