"""docs/figures/README.md: every published number beside ours, for whoever reads the files and not the site.

`python -m tests.test_figures_page` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from zoo.papers.pages import overview_page, read_files

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
PAGE = FIGURES / "README.md"


def test_the_page_of_all_figures_is_made_of_their_files() -> None:
    assert PAGE.read_text() == overview_page(read_files(FIGURES)), "write it anew: python -m tests.test_figures_page"


if __name__ == "__main__":
    PAGE.write_text(overview_page(read_files(FIGURES)))
