"""docs/API.md and docs/FRONTEND.md name what there is, and all of it."""

import re
from pathlib import Path

from service.web import api, history
from service.web.page import STATIC
from tests.web.recorder import Recorder

DOCS = Path(__file__).parents[2] / "docs"


async def test_every_answer_is_documented(recording: Recorder) -> None:
    text = (DOCS / "API.md").read_text()
    routes = api.Api(recording.service, None, None).routes()  # type: ignore[arg-type]
    assert {route.path for route in routes} | {"/api/live"} == set(re.findall(r"/api/\w+", text))


def test_the_columns_are_documented_in_their_order() -> None:
    text = (DOCS / "API.md").read_text()
    for columns in (history.BAR_COLUMNS, history.INDICATOR_COLUMNS, history.TICK_COLUMNS, history.GAP_COLUMNS):
        assert f"`{', '.join(columns)}`" in text


def test_every_file_of_the_page_that_is_named_exists() -> None:
    named = re.findall(r"`((?:js/)?[\w/]+\.js|js/sources/)`", (DOCS / "FRONTEND.md").read_text())
    assert len(named) > 10
    assert [name for name in named if not (STATIC / name).exists()] == []
