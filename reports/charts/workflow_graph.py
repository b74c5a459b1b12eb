"""Places the states of a workflow for a picture: top to bottom, ways side by side, branches in frames.

Computes places alone; colours and words belong to the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tuner.workflows.document import StateDocument

WIDTH, HEIGHT = 196.0, 62.0
"""A state without anything inside."""
GAP_X, GAP_Y, FRAME, TITLE = 22.0, 34.0, 14.0, 24.0
"""Between states, between rows, around what is inside a frame, and its title."""


class Box(NamedTuple):
    """A state: its path, and its rectangle."""

    path: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    is_frame: bool


class Arrow(NamedTuple):
    """From one state to another; a label where it is taken by chance."""

    x1: float
    y1: float
    x2: float
    y2: float
    chance: float


@dataclass(slots=True)
class Picture:
    """Boxes and arrows, and the size of all of it."""

    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)

    def add(self, other: Picture, x: float, y: float) -> None:
        """Another picture at a place in this one."""
        self.boxes += [Box(b.path, b.x + x, b.y + y, b.width, b.height, b.is_frame) for b in other.boxes]
        self.arrows += [Arrow(a.x1 + x, a.y1 + y, a.x2 + x, a.y2 + y, a.chance) for a in other.arrows]


def lay_out(states: Sequence[StateDocument], above: tuple[str, ...] = ()) -> Picture:
    """The picture of a flow.

    Args:
        states: in an order in which exits lead forward, as in the document's `graph`.
        above: names of the states around it.
    """
    pictures = {state["name"]: _state(state, above) for state in states}
    rows = _rows(states)
    width = max((_row_width([pictures[n] for n in row]) for row in rows), default=WIDTH)
    found = Picture(width, 0.0)
    places: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        found.height += GAP_Y if number else 0.0
        x = (width - _row_width([pictures[n] for n in row])) / 2
        for name in row:
            places[name] = (x, found.height)
            found.add(pictures[name], x, found.height)
            x += pictures[name].width + GAP_X
        found.height += max(pictures[name].height for name in row)
    found.arrows += [arrow for state in states for arrow in _arrows(state, places, pictures)]
    return found


def _state(state: StateDocument, above: tuple[str, ...]) -> Picture:
    path = (*above, state["name"])
    inner = [lay_out(branch, path) for branch in state["branches"]]
    if state["body"]:
        inner = [lay_out(state["body"], path)]
    if not inner:
        return Picture(WIDTH, HEIGHT, [Box(path, 0.0, 0.0, WIDTH, HEIGHT, False)])
    width = max(WIDTH, _row_width(inner)) + 2 * FRAME
    height = max(picture.height for picture in inner) + 2 * FRAME + TITLE
    found = Picture(width, height, [Box(path, 0.0, 0.0, width, height, True)])
    x = (width - _row_width(inner)) / 2
    for picture in inner:
        found.add(picture, x, FRAME + TITLE)
        x += picture.width + GAP_X
    return found


def _rows(states: Sequence[StateDocument]) -> list[list[str]]:
    """States by the longest way to them."""
    depth = {state["name"]: 0 for state in states}
    for state in states:
        for way in state["exits"]:
            if way["target"] is not None:
                depth[way["target"]] = max(depth[way["target"]], depth[state["name"]] + 1)
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, row in depth.items():
        rows[row].append(name)
    return [row for row in rows if row]


def _row_width(pictures: Sequence[Picture]) -> float:
    return sum(picture.width for picture in pictures) + GAP_X * (len(pictures) - 1)


def _arrows(
    state: StateDocument, places: Mapping[str, tuple[float, float]], pictures: Mapping[str, Picture]
) -> list[Arrow]:
    x, y = places[state["name"]]
    own = pictures[state["name"]]
    found = []
    for way in state["exits"]:
        if way["target"] is not None and way["chance"] > 0:
            to_x, to_y = places[way["target"]]
            found.append(
                Arrow(x + own.width / 2, y + own.height, to_x + pictures[way["target"]].width / 2, to_y, way["chance"])
            )
    return found
