"""The README of the reference page lists the files that it is made of."""

from tests.support.readme import Readme
from tests.support.repo_copy import ROOT, tracked_files

FOLDER = "overlays/reference/"


def test_the_files_are_those_of_the_folder() -> None:
    files = {
        f"`{name.removeprefix(FOLDER)}`" for name in tracked_files() if name.startswith(FOLDER)
    }
    readme = Readme(ROOT / FOLDER / "README.md")
    assert files - {"`README.md`"} == readme.table("file").keys()
