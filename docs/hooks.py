"""Pages of the site that nobody writes by hand, for MkDocs.

    index, contributing, security, changelog   the files beside docs/, with their links turned
    agents/NAME, arenas/NAME                   what `zoo agents NAME` and `zoo arenas NAME` say
    notebooks/NAME                             the notebooks in docs/notebooks, with what they printed
    papers/NAME                                a page for each paper, with all of its figures
    figures/NAME                               the JSON files of `zoo reproduce` in docs/figures, beside their pictures
    api                                        every public name of `import zoo`

`nav` in mkdocs.yml names the folders agents, arenas, notebooks, papers, figures and decisions where their pages stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import zoo
from leaderboard.report.sheet import markdown
from zoo.entry import catalogue, listing
from zoo.entry.layout import Described, paragraphs
from zoo.entry.registry import load_agent, load_arena
from zoo.entry.venue import ArenaChoice
from zoo.papers.pages import figure_page, file_stem, overview_page, read_files
from zoo.work.pool import limit_threads

DOCS = Path(__file__).parent
BESIDE = {
    "index.md": "README.md",
    "contributing.md": ".github/CONTRIBUTING.md",
    "security.md": ".github/SECURITY.md",
    "changelog.md": "CHANGELOG.md",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder where `nav` names it."""
    folders = {name: [page for page in pages() if page.startswith(f"{name}/")] for name in ("agents", "arenas")}
    folders["notebooks"] = [page for page in pages() if page.startswith("notebooks/")]
    folders["figures"] = [page for page in pages() if page.startswith("figures/")]
    folders["papers"] = [page for page in pages() if page.startswith("papers/")]
    folders["decisions"] = [page.relative_to(DOCS).as_posix() for page in sorted(DOCS.glob("decisions/*.md"))]
    config.nav = [
        {title: folders.get(content, content) if isinstance(content, str) else content}
        for entry in config.nav or []
        for title, content in entry.items()
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to notebooks, and to the page of all figures, lead to the pages that are made of them."""
    markdown = markdown.replace("](figures/README.md)", "](figures/index.md)")
    return re.sub(r"\]\(([\w./-]+)\.ipynb\)", r"](\1.md)", markdown)


@cache
def pages() -> dict[str, str]:
    """The text of every page that is made, by its path in the site."""
    limit_threads()  # many small networks are made, to see who can play where
    made = {name: turned((DOCS.parent / file).read_text(), Path(file).parent) for name, file in BESIDE.items()}
    made |= _listed("agents", catalogue.agent_list(), agent_page)
    made |= _listed("arenas", catalogue.arena_list(), arena_page)
    return made | notebooks() | figures() | papers() | {"api.md": api()}


def turned(text: str, folder: Path) -> str:
    """A page of a file in `folder`, with its links as they are from docs/."""
    known = {file: name for name, file in BESIDE.items()}

    def link(match: re.Match[str]) -> str:
        path, _, anchor = match[1].partition("#")
        target = (DOCS.parent / folder / path).resolve().relative_to(DOCS.parent.resolve()).as_posix()
        return f"]({known.get(target, target.removeprefix('docs/'))}{'#' * bool(anchor)}{anchor})"

    return re.sub(r"\]\((?!http|#)([^)\s]+)\)", link, text)


def _listed(folder: str, facts: dict[str, Any], page: Callable[[str], str]) -> dict[str, str]:
    """A page for each name, and one that lists them."""
    rows = [[f"[{name}]({name}.md)", one["summary"]] for name, one in facts.items()]
    start = f"# {folder.capitalize()}\n\n" + markdown(["name", "what it is"], rows, [True, True]) + "\n"
    return {f"{folder}/index.md": start} | {f"{folder}/{name}.md": page(name) for name in facts}


def agent_page(name: str) -> str:
    """What `zoo agents NAME` says."""
    entry = load_agent(name)
    return _page(name, entry.agent, listing.agent_parts(entry))


def arena_page(name: str) -> str:
    """What `zoo arenas NAME` says."""
    parts, fault = listing.arena_parts(ArenaChoice(name))
    return _page(name, load_arena(name).factory, parts) + f"\n{fault}\n" * bool(fault)


def _page(name: str, thing: Any, parts: Iterable[Described]) -> str:
    text = [f"# {name}", f"*{catalogue.summary(thing)}*"]
    text += [
        f"```text\n{part}\n```" if by_hand else _literal(part) for part, by_hand in paragraphs(catalogue.story(thing))
    ]
    for part in parts:
        if part.shown:
            text += [f"## {part.title}", _body(part)]
    return "\n\n".join(text) + "\n"


def _body(part: Described) -> str:
    if not part.rows:
        return part.empty
    if part.header:
        rows = [[_literal(cell) for cell in row] for row in part.rows]
        return markdown(part.header, rows, [True] * len(part.header))
    return "\n".join(f"- **{name}**: {_literal(value)}" for name, value in part.rows)


def _literal(paragraph: str) -> str:
    """A paragraph of a docstring, in which nothing but code between backquotes means anything to Markdown."""
    pieces = paragraph.split("`")
    pieces[::2] = [re.sub(r"([\\*_\[\]<>#~])", r"\\\1", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def notebooks() -> dict[str, str]:
    """The notebooks as pages: text as it is, code, and what it printed when it was run last."""
    made = {}
    for file in sorted((DOCS / "notebooks").glob("*.ipynb")):
        parts = []
        for cell in json.loads(file.read_text())["cells"]:
            text = "".join(cell["source"])
            parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
            outputs = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.get("outputs", ())]
            printed = "".join("".join(one) for one in outputs).rstrip()
            parts += [f"```text\n{printed}\n```"] if printed else []
        source = f"This page is a notebook, `docs/notebooks/{file.name}`, and is run by the tests."
        made[f"notebooks/{file.stem}.md"] = "\n\n".join([*parts, f"*{source}*"]) + "\n"
    return made


def figures() -> dict[str, str]:
    """The pages of the reproduced figures, and the one that counts their verdicts."""
    files = read_files(DOCS / "figures")
    made = {"figures/index.md": overview_page(files, links=True)}
    for whole in files:
        name = file_stem(whole)
        picture = DOCS / "figures" / f"{name}.png"
        made[f"figures/{name}.md"] = figure_page(whole, picture.name if picture.exists() else "")
    return made


def papers() -> dict[str, str]:
    """A page for each paper, with all of its figures that were run."""
    of_paper: dict[str, list[dict[str, Any]]] = {}
    for whole in read_files(DOCS / "figures"):
        source = re.split(r"[,;]", whole["source"])[0]
        of_paper.setdefault("Not from a paper" if source == "the house" else source, []).append(whole)
    made = {}
    for source, files in of_paper.items():
        parts = [f"# {source}"]
        for whole in files:
            picture = f"../figures/{file_stem(whole)}.png"
            page = figure_page(whole, picture if (DOCS / "papers" / picture).resolve().exists() else "")
            parts.append(re.sub(r"^#", "##", page, flags=re.MULTILINE))
        made[f"papers/{re.sub(r'[^a-z0-9]+', '-', source.lower()).strip('-')}.md"] = "\n\n".join(parts)
    return made


def api() -> str:
    """Every public name of the library, from its docstring."""
    text = ["# The library", "What `import zoo` offers; [the zoo as a library](library.md) shows it at work."]
    for name in sorted(set(zoo.__all__) - {"__version__"}, key=str.lower):
        thing = getattr(zoo, name)
        text.append(f"::: {thing.__module__}.{thing.__qualname__}")
    return "\n\n".join(text) + "\n"
