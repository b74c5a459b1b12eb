"""A real browser for the tests of the page: one Chromium for all of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reports.html import render
from tests.unit.reports.results import result

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Opened:
    """A page in the browser, its document, and everything that happened while it was open."""

    name: str
    page: Page
    result: dict[str, Any]
    file: Path
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    said_at_first: list[str] = field(default_factory=list)

    @property
    def foreign_requests(self) -> list[str]:
        """Requests for anything but the file itself and data within it."""
        return [url for url in self.requests if url != self.file.as_uri() and not url.startswith("data:")]


Open = Callable[..., Opened]
Opener = Callable[..., AbstractContextManager[Opened]]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium found on PATH; in CI one has to be there."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        message = f"no browser: none of {', '.join(NAMES)} is on PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*FLAGS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages are written."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def opener(chromium: Browser, folder: Path) -> Opener:
    """Open the page of a golden result by its name; further arguments are those of a browser context.

    A tab that is free again shows the next page of the same context: a new one costs more than most pages.
    """
    free: dict[str, list[Page]] = {}

    @contextmanager
    def tab(viewport: dict[str, int], **options: Any) -> Iterator[Page]:
        idle = free.setdefault(repr(sorted(options.items())), [])
        if not idle:
            context = chromium.new_context(**options)
            context.set_default_timeout(60_000)
            idle.append(context.new_page())
        page = idle.pop()
        page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
        yield page
        page.emulate_media(media="null", color_scheme="light")
        page.goto("about:blank")
        idle.append(page)

    @contextmanager
    def opened(name: str, **options: Any) -> Iterator[Opened]:
        document = result(name)
        file = folder / f"{name.replace('/', '-')}.html"
        if not file.exists():
            file.write_text(render(document), "utf-8")
        with tab(**{"viewport": {"width": 1280, "height": 800}, **options}) as page, ExitStack() as stack:
            it = Opened(name, page, document, file)
            listeners: dict[Any, Callable[[Any], Any]] = {
                "console": lambda message: it.console.append(message.text),
                "pageerror": lambda error: it.console.append(str(error)),
                "request": lambda request: it.requests.append(request.url),
                "dialog": lambda dialog: (it.dialogs.append(dialog.message), dialog.dismiss()),
            }
            for event, listener in listeners.items():
                page.on(event, listener)
                stack.callback(page.remove_listener, event, listener)
            page.goto(file.as_uri())
            yield it

    return opened


@pytest.fixture
def open_page(opener: Opener) -> Iterator[Open]:
    """Open pages that the test has for itself, and close them after it."""
    with ExitStack() as stack:
        yield lambda name, **options: stack.enter_context(opener(name, **options))


@pytest.fixture(scope="module")
def aws(opener: Opener) -> Iterator[Opened]:
    """The page of a function in AWS, for all tests of a module that leave it as they find it."""
    with opener("aws") as it:
        yield it


@pytest.fixture(scope="module")
def aws_all(opener: Opener) -> Iterator[Opened]:
    """The largest page, in the same way."""
    with opener("aws-all") as it:
        yield it


@pytest.fixture(scope="module")
def balanced(opener: Opener) -> Iterator[Opened]:
    """A page with a balanced strategy, in the same way."""
    with opener("balanced") as it:
        yield it


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept for people to look at."""
    kept = Path(__file__).parents[2] / "artifacts" / "report"
    kept.mkdir(parents=True, exist_ok=True)
    return kept
