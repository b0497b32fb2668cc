"""Manifests, tensors and code: every mistake is one line with the rule, the place and the cure; nothing is run."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from zoo.errors import UserError
from zoo.submission.code import agent_classes, read_code
from zoo.submission.manifest import Manifest, read_manifest
from zoo.submission.refusal import RULES, Refused
from zoo.submission.submission import Asked, Submission, open_submission
from zoo.submission.tensors import check_tensors

GOOD = 'name = "mine"\nauthor = "Ada"\narena = "ipd"\nentry = "agent.py:Mine"\n'
AGENT = b"from agents.protocol import Agent\n\n\nclass Mine(Agent):\n    pass\n"


def test_a_manifest_is_read_and_written_again() -> None:
    text = GOOD + 'weights = "w.safetensors"\nseats = ["row"]\nconfig = {lr = 0.5, words = ["a", "b\\"c"], on = true}\n'
    manifest = read_manifest(text.encode())
    assert manifest.config == {"lr": 0.5, "words": ["a", 'b"c'], "on": True}
    assert manifest.seats == ("row",)
    assert read_manifest(manifest.text().encode()) == manifest
    odd = Manifest("mine", 'Ada "\\ é', "matrix,payoffs=[[1]]", config={"a": -1})
    assert read_manifest(odd.text().encode()) == odd


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("name = 3\n" + GOOD.partition("\n")[2], "zoo.toml, line 1", "name is not a text"),
        (GOOD + "weight = 'x'\n", "zoo.toml, line 5", "did you mean weights"),
        (GOOD.replace('"agent.py:Mine"', '"agent"'), "zoo.toml, line 4", 'write entry = "agent.py:MyAgent"'),
        (GOOD.replace('"agent.py:Mine"', '"../x.py:Mine"'), "zoo.toml, line 4", "entry does not say"),
        (GOOD.replace('author = "Ada"\n', ""), "zoo.toml, line 1", "author is missing"),
        (GOOD + 'weights = "w.pt"\n', "zoo.toml, line 5", "safetensors"),
        (GOOD + "seats = 'row'\n", "zoo.toml, line 5", "seats is no list"),
        (GOOD + "seats = ['row', 'row']\n", "zoo.toml, line 5", "seats is no list"),
        (GOOD + "\n[config]\nlr = nan\n", "zoo.toml, line 6", "config has a value for lr"),
        (GOOD + "config = {a = {b = 1}}\n", "zoo.toml, line 5", "config has a value for a"),
        (GOOD + 'config = {"a=1,b" = 1}\n', "zoo.toml, line 5", "config is no table"),
        (GOOD + "name = 'again'\n", "zoo.toml, line 5", "it is no TOML"),
        (GOOD + "arena\n", "zoo.toml, line 5", "it is no TOML"),
        ('name = "Mine"\n' + GOOD.partition("\n")[2], "zoo.toml, line 1", "small letters"),
        ("a = " + "[" * 50_000, "zoo.toml, line 1", "it is no TOML"),
        ("# " + "x" * 70_000, "zoo.toml", "longer than 64 KiB"),
    ],
)
def test_every_mistake_in_a_manifest_is_one_line(text: str, place: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        read_manifest(text.encode())
    assert str(caught.value).startswith(f"{place}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_no_text_is_refused_with_its_line() -> None:
    with pytest.raises(Refused, match=r"zoo\.toml, line 2: it is not UTF-8"):
        read_manifest(b"# fine\n\xff\n")


def tensors(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
SOUND = tensors({"a": ONE}, bytes(4))


def test_tensors_as_the_library_writes_them_are_accepted() -> None:
    data = safetensors.numpy.save({"row/w": np.ones((2, 3), np.float32), "row/n": np.array([1], np.int64)}, {"a": "b"})
    assert check_tensors(data, "w") == {"row/w": (2, 3), "row/n": (1,)}
    assert check_tensors(tensors({"a": ONE}, bytes(4)), "w") == {"a": (1,)}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no safetensors file"),
        (struct.pack("<Q", 1 << 62), "header claims"),
        (struct.pack("<Q", 10) + b"{}", "header claims"),
        (tensors({}), "0 tensors"),
        (tensors([]), "no table"),
        (tensors(b"[" * 50_000), "broken"),
        (
            tensors(b'{"a": ' + json.dumps(ONE).encode() + b', "a": ' + json.dumps(ONE).encode() + b"}", bytes(4)),
            "twice",
        ),
        (tensors(b"\xff\xfe"), "broken"),
        (tensors({"a": ONE}, bytes(5)), "follow its last tensor"),
        (tensors({"a": ONE}), "overlap others or leave a hole"),
        (tensors({"a": ONE, "b": ONE}, bytes(4)), "overlap"),
        (tensors({"a": ONE, "b": ONE | {"data_offsets": [8, 12]}}, bytes(12)), "leave a hole"),
        (tensors({"a": ONE | {"shape": [2]}}, bytes(4)), "another size than its shape"),
        (tensors({"a": ONE | {"shape": [-1]}}, bytes(4)), "no plain shape"),
        (tensors({"a": ONE | {"shape": [1 << 60]}}, bytes(4)), "no plain shape"),
        (tensors({"a": ONE | {"shape": [1 << 40, 1 << 40, 0]}}), "a shape that no tensor has"),
        (tensors({"a": ONE | {"shape": [True]}}, bytes(4)), "no plain shape"),
        (tensors({"a": ONE | {"dtype": "C64"}}, bytes(4)), "type other than"),
        (tensors({"a": ONE | {"dtype": []}}, bytes(4)), "type other than"),
        (tensors({"a": ONE | {"data_offsets": [4, 0]}}, bytes(4)), "another size"),
        (tensors({"a": {"dtype": "F32"}}, bytes(4)), "not described"),
        (tensors({"a\n": ONE}, bytes(4)), "no plain name"),
        (tensors({"a": ONE}, struct.pack("<f", float("nan"))), "not finite"),
        (tensors({"a": ONE}, struct.pack("<f", float("inf"))), "not finite"),
        (tensors({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"\x80\x7f"), "not finite"),
    ],
)
def test_every_other_file_of_tensors_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        check_tensors(data, "w.safetensors")
    assert caught.value.rule == "weights"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "agents"),
    [
        ("from agents.protocol import Agent\nclass A(Agent): pass", ["A"]),
        ("import agents.protocol\nclass A(agents.protocol.Agent): pass", ["A"]),
        ("import agents.protocol as p\nclass A(p.Agent): pass", ["A"]),
        ("from agents import protocol\nclass A(protocol.Agent): pass\nclass B(A): pass", ["B"]),
        ("from agents.protocol import Agent as X\nclass _A(X): pass\nclass B(_A): pass\nclass C(X): pass", ["B", "C"]),
        ("from agents.naive import Naive\nclass A(Naive): pass\nclass B: pass", ["A"]),
        ("from agents.naive import NaiveConfig\nclass A(NaiveConfig): pass", []),
        ("from other import Agent\nclass A(Agent): pass", []),
        ("class A(make()[0], metaclass=M): pass", []),
    ],
)
def test_the_agent_is_found_without_running_the_code(code: str, agents: list[str]) -> None:
    import ast

    assert agent_classes(ast.parse(code)) == agents


def test_code_is_read_and_never_run() -> None:
    files = {
        "agent.py": b"import numpy, helper\nfrom sub import x\nraise SystemExit\n",
        "helper.py": b"try:\n    import nowhere_to_be_found\nexcept ImportError:\n    pass\n",
        "sub/x.py": b"",
    }
    report = read_code(files)
    assert report.lines == {"agent.py": 3, "helper.py": 4, "sub/x.py": 1}
    assert report.imports == ("nowhere_to_be_found", "numpy")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x = 1\nclass :\n", r"agent\.py, line 2: Python cannot read it"),
        (b"x = 1\nimport nowhere_to_be_found\n", r"agent\.py, line 2: it imports nowhere_to_be_found"),
        (b"x = 1\n\xff\n", r"agent\.py, line 2: it is not UTF-8"),
        (b"x\0\n", r"agent\.py.*Python cannot read it"),
        (b"-" * 100_000 + b"1", "nested too deep"),
        (b"a" + b".b" * 100_000, "nested too deep"),
        (b"(" * 300 + b")" * 300, "Python cannot read it"),
        (b"#" * (1 << 18) + b"\n", "longer than 256 KiB"),
    ],
)
def test_code_that_cannot_be_read_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        read_code({"agent.py": data})
    assert caught.value.rule == "code"


def test_many_files_of_code_are_refused_together() -> None:
    """Each tree takes hundreds of times its file's memory."""
    with pytest.raises(Refused, match="longer than 1024 KiB altogether"):
        read_code({f"part{number}.py": b"#" * 200_000 for number in range(6)})


def opened(folder: Path, asked: Asked | None = None, **files: bytes | str) -> Submission:
    for name, data in files.items():
        place = folder / name.replace("__", ".")
        place.write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_submission(str(folder), asked or Asked())


def test_a_lone_file_needs_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "my_agent.py").write_bytes(AGENT)
    made = open_submission(str(tmp_path / "my_agent.py"), Asked(author="Ada", arena="ipd"))
    assert (made.manifest.name, made.manifest.entry) == ("my-agent", "my_agent.py:Mine")
    named = open_submission(f"{tmp_path / 'my_agent.py'}:Mine", Asked("other", "Bob", "ipd"))
    assert named.manifest.name == "other"
    assert named.digest("ipd-v1") == made.digest("ipd-v1")
    assert named.digest("chicken-v1") != made.digest("ipd-v1")


def test_the_hash_is_of_all_that_plays(tmp_path: Path) -> None:
    first = opened(tmp_path, agent__py=AGENT, zoo__toml=GOOD)
    digest = first.digest("ipd-v1")
    renamed = opened(tmp_path, zoo__toml=GOOD.replace("Ada", "Bob").replace('"mine"', '"yours"'))
    assert renamed.digest("ipd-v1") == digest
    assert opened(tmp_path, zoo__toml=GOOD + "config = {lr = 1.0}\n").digest("ipd-v1") != digest
    assert opened(tmp_path, agent__py=AGENT + b"#\n", zoo__toml=GOOD).digest("ipd-v1") != digest
    assert opened(tmp_path, agent__py=AGENT, notes__txt="x", zoo__toml=GOOD).digest("ipd-v1") != digest


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"agent__py": AGENT, "zoo__toml": GOOD.replace("agent.py:", "other.py:")}, "there is no file other.py"),
        ({"agent__py": AGENT, "zoo__toml": GOOD.replace(":Mine", ":Main")}, "has no class Main .* did you mean Mine"),
        ({"agent__py": AGENT, "zoo__toml": GOOD + 'weights = "w.safetensors"'}, "no file w.safetensors; train"),
        ({"agent__py": b"x = 1\n"}, "which class is the agent.*derives from"),
        ({"agent__py": AGENT.replace(b"Mine", b"A") + AGENT}, "several agents; type one: agent.py:A or agent.py:Mine"),
        ({"agent__py": AGENT, "zoo__toml": GOOD.replace('"mine"', '"random"')}, "random is a name of the zoo's own"),
        ({"agent__py": AGENT, "zoo__toml": GOOD, "w__safetensors": b"x"}, "no safetensors file"),
        (
            {"card__json": b"{", "weights__safetensors": tensors({"a": ONE}, bytes(4))},
            r"card\.json, line 1: it is no JSON",
        ),
        ({"card__json": b"{}", "weights__safetensors": SOUND}, "agent is missing"),
        ({"card__json": b"[]", "weights__safetensors": SOUND}, "it is no table"),
        ({"notes__txt": "only"}, "which class is the agent"),
    ],
)
def test_inconsistent_submissions_are_refused(tmp_path: Path, files: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        opened(tmp_path, Asked("", "Ada", "ipd") if "zoo__toml" in files else Asked("mine", "Ada", "ipd"), **files)


@pytest.mark.parametrize("text", ["", " ", "@", "agent.py@", "@weights"])
def test_an_empty_text_is_not_the_current_folder(text: str) -> None:
    with pytest.raises(UserError, match="names nothing"):
        open_submission(text, Asked())


def test_an_empty_folder_and_a_nameless_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="it is empty"):
        open_submission(str(tmp_path), Asked())
    with pytest.raises(Refused, match="give it one: --as NAME"):
        opened(tmp_path, agent__py=AGENT)
    with pytest.raises(Refused, match="add --arena"):
        opened(tmp_path, Asked("mine"), agent__py=AGENT)


def test_a_card_that_asks_for_a_giant_is_refused(tmp_path: Path) -> None:
    card = {"agent": "lola", "behaviour": 1, "config": {"hidden": 100_000}, "arena": "ipd-v1", "seats": ["row"]}
    files = {"card__json": json.dumps(card), "weights__safetensors": tensors({"row/a": ONE}, bytes(4))}
    with pytest.raises(Refused, match=r"hidden is 100000; only weights of that size"):
        opened(tmp_path, Asked("mine"), **files)
    with pytest.raises(Refused, match=r"no agent of the zoo's.*send its code"):
        opened(tmp_path, Asked("mine"), card__json=json.dumps(card | {"agent": "sha256-0:Mine"}))


def test_the_page_lists_every_rule() -> None:
    page = (Path(__file__).parents[3] / "docs" / "submissions.md").read_text()
    for rule, says in RULES.items():
        assert f"| {rule} | {says} |" in page


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('entry = "a/../../b.py:Mine"', "entry names a/../../b.py, but the name leads out of the folder"),
        ('weights = "../w.safetensors"', "weights names ../w.safetensors, but the name leads out of the folder"),
        ('weights = "/etc/w.safetensors"', "weights names /etc/w.safetensors, but the name is not relative"),
        ('seats = [""]', "seats is no list of different seats"),
    ],
)
def test_a_manifest_names_no_file_outside_its_folder(line: str, what: str) -> None:
    text = f'name = "mine"\nauthor = "Ada"\narena = "ipd"\n{line}\n'
    with pytest.raises(Refused, match=re.escape(f"zoo.toml, line 4: {what}")):
        read_manifest(text.encode())
