"""The pictures of the README."""

import re

from tests.support.repo_copy import ROOT


def test_the_pictures_of_the_readme_are_there_and_small() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = set(re.findall(r'(?:src(?:set)?="|!\[.*\]\()([^")]+)', readme))
    assert shown == {f".pictures/{file.name}" for file in (ROOT / ".pictures").iterdir()}
    for name in shown:
        assert 150_000 > (ROOT / name).stat().st_size, name
