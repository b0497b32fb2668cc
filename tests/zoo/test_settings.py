"""`field=value` texts: split, typed, refused with the nearest name, and written back in one canonical form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from arenas.protocol import Arena
from zoo.entry.settings import argument_fields, canonical, config_fields, convert, read, split
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("a", ["a"]),
        ("a,b=1,c=x", ["a", "b=1", "c=x"]),
        ("a,b=[1,2],c=(3,4)", ["a", "b=[1,2]", "c=(3,4)"]),
        ('a,b="x,y",c={"z":[1,2]}', ["a", 'b="x,y"', 'c={"z":[1,2]}']),
        ('b="]",c=1', ['b="]"', "c=1"]),
        ("a,,b", ["a", "", "b"]),
    ],
)
def test_split(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("3", int, 3),
        ("-3", int, -3),
        ("3", float, 3.0),
        ("1e-3", float, 0.001),
        ("3", str, "3"),
        ("yes", bool, True),
        ("FALSE", bool, False),
        ("0", bool, False),
        ("b", Literal["a", "b"], "b"),
        ("2", Literal[1, 2], 2),
        ("none", int | None, None),
        ("null", float | None, None),
        ("4", int | None, 4),
        ("0.5", int | float, 0.5),
        ("x", int | str, "x"),
        ("[1, 2]", list[int], [1, 2]),
        ('{"a": 1}', dict[str, int], {"a": 1}),
    ],
)
def test_convert(text: str, kind: Any, value: Any) -> None:
    found = convert(text, kind, "x")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("3.5", int, "x must be a whole number, got '3.5'"),
        ("", int, "x must be a whole number, got ''"),
        ("fast", float, "x must be a finite number, got 'fast'"),
        ("nan", float, "x must be a finite number, got 'nan'"),
        ("-inf", float, "x must be a finite number, got '-inf'"),
        ("1e999", float, "x must be a finite number, got '1e999'"),
        ("maybe", bool, "x must be true or false, got 'maybe'"),
        ("c", Literal["a", "b"], "x must be one of a, b, got 'c'"),
        ("c", int | None, "x must be a whole number, got 'c'"),
        ("c", int | float, "x cannot be 'c'"),
        ("[1,", list[int], r"x: '\[1,' is not valid JSON"),
    ],
)
def test_convert_refuses(text: str, kind: Any, line: str) -> None:
    with pytest.raises(UserError, match=line):
        convert(text, kind, "x")


@dataclass(frozen=True)
class Config:
    rate: float = 0.5
    name: str = "x"
    layers: tuple[int, ...] = (3,)


def test_read() -> None:
    fields = config_fields(Config())
    assert read(["rate=1", " name = y=z "], fields, "agent") == {"rate": 1.0, "name": "y=z"}
    with pytest.raises(UserError, match="agent has no field 'rat'; did you mean rate"):
        read(["rat=1"], fields, "agent")
    with pytest.raises(UserError, match="agent: expected field=value, got 'rate'"):
        read(["rate"], fields, "agent")


def test_arguments_of_a_class_and_of_a_function() -> None:
    class Parent:
        def __init__(self, batch_size: int, *, device: str = "cpu", size: int = 3, must: str) -> None: ...

    class Child(Parent):
        pass

    def make(batch_size: int, *, size: float = 2.0) -> None: ...

    for factory in (Parent, Child):
        fields = argument_fields(factory)
        assert {name: (f.type, f.default, f.required) for name, f in fields.items() if not f.required} == {
            "size": (int, 3, False)
        }
        assert fields["must"].required
    assert argument_fields(make)["size"].type is float


def test_settings_of_an_arena_are_its_dataclass() -> None:
    @dataclass(frozen=True)
    class Mine:
        size: int = 4
        must: str = field(kw_only=True)

    class Game(Arena):
        Settings = Mine

    class Wider(Game):
        def __init__(self, batch_size: int = 1, *, speed: float = 1.0, **more: Any) -> None: ...

    class Closed(Game):
        def __init__(self, batch_size: int = 1, *, speed: float = 1.0) -> None: ...

    own = {"size": (int, False), "must": (str, True)}
    for factory, expected in (
        (Game, own),
        (Wider, {"speed": (float, False), **own}),
        (Closed, {"speed": (float, False)}),
    ):
        assert {name: (f.type, f.required) for name, f in argument_fields(factory).items()} == expected
    assert argument_fields(Game)["size"].default == 4


def test_canonical() -> None:
    assert canonical({"b": 1, "a": 0.5, "c": "x", "d": [1, 2], "e": True, "f": None}) == (
        "a=0.5,b=1,c=x,d=[1, 2],e=true,f=null"
    )


@pytest.mark.parametrize(
    ("settings", "identity"),
    [
        ((), "coin-v1"),
        (("size=3",), "coin-v1"),
        (("size=5",), "coin-v1(size=5)"),
        (("view=channels", "size=5", "max_steps=150"), "coin-v1(size=5,view=channels)"),
        (("size=4", "size=5"), "coin-v1(size=5)"),
    ],
)
def test_identity_of_an_arena_is_its_changed_settings_in_order(settings: tuple[str, ...], identity: str) -> None:
    choice = ArenaChoice("coin", settings)
    assert choice.identity(choice.make(1)) == identity


def test_identity_tells_whose_code_it_is(here: Path) -> None:
    (here / "game.py").write_text("from arenas.coin import Coin\n\n\nclass Mine(Coin):\n    pass\n")
    choice = ArenaChoice("game.py:Mine", ("size=4",))
    assert re.fullmatch(r"coin-v1\(size=4,sha256-\w{16}:Mine\)", choice.identity(choice.make(1)))


def test_wrappers_and_package_are_part_of_the_identity() -> None:
    plain = ArenaChoice("mpe2:simple_tag_v3")
    wrapped = ArenaChoice("mpe2:simple_tag_v3", (), ("frame_stack_v1=2",))
    one, other = plain.identity(plain.make(1)), wrapped.identity(wrapped.make(1))
    assert one.startswith("mpe2:simple_tag_v3(mpe2==")
    assert other.startswith('mpe2:simple_tag_v3(wrap=["frame_stack_v1=2"],mpe2==')
