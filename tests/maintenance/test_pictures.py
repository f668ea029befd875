"""The pictures of the README files."""

import re

from tests.support.readme import READMES
from tests.support.repo_copy import ROOT


def test_every_picture_is_shown_and_small() -> None:
    shown = {
        (readme.parent / path).resolve()
        for readme in READMES
        for path in re.findall(r'(?:src(?:set)?="|!\[.*\]\()([^")]+)', readme.read_text("utf-8"))
    }
    assert shown == set((ROOT / ".pictures").iterdir())
    for picture in shown:
        assert 150_000 > picture.stat().st_size, picture
