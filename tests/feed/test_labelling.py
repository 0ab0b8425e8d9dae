"""Our own labelling gives what schwab-py's gives, for real frames."""

import copy
import json
from pathlib import Path

import pytest

from feed.schwab import stream
from feed.schwab.library import streaming

FRAMES = Path(__file__).parents[1] / "data" / "schwab"


@pytest.mark.parametrize(
    ("name", "fields"),
    [("levelone_equities_frame", stream._EQUITY), ("levelone_options_frame", stream._OPTION)],
)
def test_it_labels_as_schwab_py_does(name: str, fields: object) -> None:
    frame = json.loads((FRAMES / f"{name}.json").read_text())
    for message in frame.get("data", [frame]):
        before = copy.deepcopy(message)
        ours = stream._LabellingHandler(lambda _: None, fields).label_message(message)
        assert ours == streaming._Handler(None, fields).label_message(copy.deepcopy(message))
        assert ours != before
        assert message == before


def test_a_message_without_content_is_left_as_it_is() -> None:
    message = {"service": "LEVELONE_EQUITIES", "command": "SUBS"}
    assert stream._LabellingHandler(lambda _: None, stream._EQUITY).label_message(message) == message
