"""Bundles: published, signed, and checked in another home; nothing that was exchanged holds."""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leaderboard.records import EntrantRecord, SubmissionRecord, canonical
from leaderboard.seeds import RATED, SeedRecord
from leaderboard.store import portable
from leaderboard.store.store import Store
from leaderboard.views.board import board
from tests.zoo.command_line import Refused, Zoo, fresh_checkpoint
from zoo import home
from zoo.api import open_venue, play_tournament
from zoo.errors import UserError
from zoo.matches.plan import time_now
from zoo.play import luck
from zoo.play.blocks import Task, arena_record, play_block
from zoo.submission import bundle
from zoo.submission.archive import pack
from zoo.submission.publish import publish
from zoo.submission.recheck import Rechecked, Sample, _candidates, _Texts, recheck
from zoo.submission.refusal import shown

ALL = Sample(count=None)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a tournament, a checkpoint of its own and blocks on a secret seed, and the bundle of it."""
    folder = tmp_path_factory.mktemp("publisher")
    with home.at(folder):
        venue = open_venue("ipd", "max_steps=5")
        own = fresh_checkpoint(folder / "mine", "naive", venue.choice, seed=3)
        with Store(home.records()) as store:
            play_tournament(venue, ["tit-for-tat", "always-defect", f"naive@{own}", "random"], episodes=6, store=store)
            secret = luck.present()
            store.add(SeedRecord(secret.commitment, time_now()))
            low, high = sorted(("random", "tit-for-tat"), key=venue.id)
            store.add(play_block(venue, Task((low, high), secret.number, 0, 6)))
            luck.reveal(secret.name)
            publish(folder / "all.zoo", store, [venue.identity])
    yield folder / "all.zoo"


def files_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def signed_again(path: Path, out: Path, change: Callable[[dict[str, bytes], dict[str, object]], None]) -> Path:
    """The bundle with something exchanged and signed by somebody else's key."""
    files = files_of(path)
    manifest = json.loads(files.pop(bundle.MANIFEST))
    del files[bundle.SIGNATURE]
    change(files, manifest)
    manifest["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    text = canonical(manifest).encode()
    key = Ed25519PrivateKey.from_private_bytes(b"m" * 32)
    told = {"key": key.public_key().public_bytes_raw().hex(), "signature": key.sign(text).hex()}
    out.write_bytes(pack({**files, bundle.MANIFEST: text, bundle.SIGNATURE: canonical(told).encode()}, free=1 << 30))
    return out


def one_failure(done: Rechecked) -> str:
    (line,) = done.failures
    assert "\n" not in line
    return line


def test_a_bundle_holds_in_another_home_and_leaves_nothing_there(published: Path, zoo_home: str) -> None:
    done = recheck(published, ALL)
    assert (done.failures, done.left_out) == ([], [])
    assert (done.blocks, done.played, done.boards, done.revealed, done.hidden) == (done.blocks, done.blocks, 1, 1, 0)
    assert done.blocks >= 11
    assert list(Path(zoo_home).iterdir()) == []


def test_the_screen_and_json_say_what_was_checked(published: Path, zoo: Zoo) -> None:
    said = zoo("verify", published, "--all")
    signer = bundle.read(published).signer
    assert f"Signed with key {signer}" in said.out
    assert "1 revealed, which fit their commitments; 0 kept secret" in said.out
    assert "Every figure of 1 board follows from" in said.out
    some = zoo("verify", published, "--hashes", "--json").json
    assert (some["failures"], some["played"], some["signer"]) == ([], 0, signer)
    zoo("verify", published, "--hashes", "--key", signer[:8])
    other = zoo("verify", published, "--hashes", "--key", "0123", code=1)
    assert other.out.splitlines()[0] == f"it was signed by {signer}, not by 0123"


def test_equal_records_are_equal_bytes(published: Path, tmp_path: Path) -> None:
    with home.at(published.parent), Store(home.records()) as store:
        arenas = [arena.id for arena in store.arenas()]
        publish(tmp_path / "again.zoo", store, arenas)
        assert (tmp_path / "again.zoo").read_bytes() == published.read_bytes()
        lines = list(portable.lines(store, arenas))
        with Store(tmp_path / "records.db") as other:
            portable.fill(other, (portable.read(*line) for line in lines))
            publish(tmp_path / "other.zoo", other, arenas)
        assert (tmp_path / "other.zoo").read_bytes() == published.read_bytes()


def test_the_marks_of_a_season_travel_and_control_no_terminal(published: Path, tmp_path: Path, zoo: Zoo) -> None:
    mark = {"kind": "same file", "who": ["ada", "bela\x1b[2J"], "what": "the same code", "figures": {}}
    with home.at(published.parent), Store(home.records()) as store:
        arenas = [arena.id for arena in store.arenas()]
        for name, season in (("good", {"marks": [mark], "gone": [["rae", "it cheats"]]}), ("bad", {"marks": [3]})):
            publish(tmp_path / f"{name}.zoo", store, arenas, season=season)
    said = zoo("verify", tmp_path / "good.zoo", "--hashes").out
    assert "mark  same file: ada, bela [2J: the same code\nmark  taken off: rae: it cheats\n" in said
    bad = zoo("verify", tmp_path / "bad.zoo", "--hashes", code=1).out
    assert "season.json holds something else than the board of a season" in bad


def test_a_sample_is_drawn_by_its_seed(published: Path) -> None:
    first, again = (recheck(published, Sample(3, seed)) for seed in (5, 5))
    assert (first.played, first.seed, first.failures) == (again.played, again.seed, again.failures) == (3, 5, [])


def test_every_exchanged_file_is_found(published: Path, tmp_path: Path) -> None:
    files = files_of(published)
    assert len(files) > 10
    for name, content in files.items():
        place = tmp_path / "changed.zoo"
        place.write_bytes(pack({**files, name: content[:-2] + b"x\n"}, free=1 << 30))
        if name == bundle.MANIFEST:
            with pytest.raises(UserError, match=r"its manifest\.json is broken"):
                recheck(place, ALL)
            continue
        assert shown(name) in one_failure(recheck(place, ALL)) or name == bundle.SIGNATURE
        place.write_bytes(pack({other: data for other, data in files.items() if other != name}))
        if name in (bundle.MANIFEST, bundle.SIGNATURE):
            with pytest.raises(UserError, match="is no bundle: `zoo publish` writes one"):
                recheck(place, ALL)
        else:
            assert one_failure(recheck(place, ALL)) == f"{shown(name)} is missing"
    place.write_bytes(pack({**files, f"sources/{'a' * 64}/mine.py": b"1"}))
    assert "is not in the manifest" in one_failure(recheck(place, ALL))


def test_a_manifest_that_was_not_signed_is_found(published: Path, tmp_path: Path, zoo: Zoo) -> None:
    files = files_of(published)
    manifest = json.loads(files[bundle.MANIFEST])
    files[bundle.MANIFEST] = canonical({**manifest, "version": "9.9"}).encode()
    (tmp_path / "changed.zoo").write_bytes(pack(files))
    said = zoo("verify", tmp_path / "changed.zoo", code=1)
    assert said.out.splitlines() == ["the signature does not fit the manifest", "1 fault in this bundle."]


def test_a_board_that_does_not_follow_from_the_records_is_found(published: Path, tmp_path: Path) -> None:
    def flatter(files: dict[str, bytes], _: dict[str, object]) -> None:
        (line,) = files[bundle.BOARDS].decode().splitlines()
        told = json.loads(line)
        row = next(row for row in told["rows"] if row["label"] == "random")
        row["uniform"] = row["uniform"] + 1
        told["spread"] += 1e-12  # rounding is no difference
        files[bundle.BOARDS] = f"{canonical(told)}\n".encode()

    said = one_failure(recheck(signed_again(published, tmp_path / "b.zoo", flatter), Sample(0)))
    assert "rows, random, uniform is" in said
    assert "and the records give" in said


def test_a_game_that_was_not_played_so_is_found(published: Path, tmp_path: Path) -> None:
    """Returns, hashes and boards all exchanged so that they fit each other: only playing again tells."""

    def better(files: dict[str, bytes], _: dict[str, object]) -> None:
        lines = files["records/block.jsonl"].decode().splitlines()
        block = portable.read("block", lines[0])
        assert hasattr(block, "results")
        results = tuple(replace(result, returns=result.returns + 0.5) for result in block.results)
        with Store(":memory:") as store:
            records = [
                portable.read(name[8:-6], line)
                for name in ("arena", "entrant", "panel", "seed", "match")
                for name in (f"records/{name}.jsonl",)
                for line in files.get(name, b"").decode().splitlines()
            ]
            rest = [portable.read("block", line) for line in lines[1:]]
            portable.fill(store, [*records, replace(block, results=results), *rest])
            arena = store.arenas()[0].id
            out = [line for table, line in portable.lines(store, [arena]) if table == "block"]
            files["records/block.jsonl"] = "".join(f"{line}\n" for line in out).encode()
            files[bundle.BOARDS] = f"{board(store, arena, seed=RATED).to_json()}\n".encode()

    forged = signed_again(published, tmp_path / "b.zoo", better)
    assert recheck(forged, Sample(0)).failures == []
    assert "recorded returns" in one_failure(recheck(forged, ALL))


def test_a_secret_that_does_not_fit_its_commitment_is_found(published: Path, tmp_path: Path) -> None:
    def other(_: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["secrets"][0]["secret"] = "ab" * 32  # type: ignore[index]

    said = recheck(signed_again(published, tmp_path / "b.zoo", other), Sample(0))
    assert "does not fit the commitment" in one_failure(said)

    def none(_: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["secrets"] = []

    said = recheck(signed_again(published, tmp_path / "c.zoo", none), Sample(0))
    assert "of which the bundle has no commitment" in one_failure(said)


def test_what_is_not_revealed_is_counted_and_not_played(published: Path, tmp_path: Path) -> None:
    def hidden(_: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["secrets"][0]["secret"] = None  # type: ignore[index]

    done = recheck(signed_again(published, tmp_path / "b.zoo", hidden), ALL)
    assert (done.failures, done.hidden, done.played) == ([], 1, done.blocks - 1)
    assert "not revealed yet" in done.left_out[0]


def test_what_a_bundle_names_is_not_run(published: Path, tmp_path: Path) -> None:
    """An arena or an entrant that a bundle names could be any function of any module here."""
    marker = tmp_path / "run"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')\ndef env(*a, **k): pass\nclass Agent: pass\n")

    def evil(files: dict[str, bytes], _: dict[str, object]) -> None:
        with Store(":memory:") as store:
            for table in ("arena", "entrant", "panel", "seed", "match", "block"):
                for line in files.get(f"records/{table}.jsonl", b"").decode().splitlines():
                    record = portable.read(table, line)
                    if table == "match":
                        names = {"arena": f"{tmp_path}/evil.py:env", "pairing": [f"{tmp_path}/evil.py:Agent"] * 2}
                        record = replace(record, details={**record.details, **names})  # type: ignore[arg-type,union-attr]
                    if table == "entrant":
                        record = replace(record, label=f"{tmp_path}/evil.py:Agent")  # type: ignore[arg-type,call-arg]
                    portable.fill(store, [record])
            arena = store.arenas()[0].id
            kept: dict[str, list[str]] = {}
            for table, line in portable.lines(store, [arena]):
                kept.setdefault(f"records/{table}.jsonl", []).append(line)
            files.update({name: "".join(f"{line}\n" for line in of).encode() for name, of in kept.items()})

    done = recheck(signed_again(published, tmp_path / "b.zoo", evil), ALL)
    assert done.played == 0
    assert any("which does not ship here as it was" in line for line in done.left_out)
    assert not marker.exists()


def test_trusted_is_refused(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_ISOLATION", "trusted")
    with pytest.raises(UserError, match="agents of a bundle are strangers'"):
        recheck(published, ALL)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_one_line(content: bytes, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "b.zoo").write_bytes(content)
    said = refused("verify", tmp_path / "b.zoo")
    assert "bundle" in said
    assert "pack the folder" not in said


def test_names_that_lead_elsewhere_are_refused(published: Path, tmp_path: Path) -> None:
    files = files_of(published)
    for name in ("../x", "/x", "records/../../x.jsonl", "sources/../x", "notes.txt", f"sources/{'a' * 64}/../x.py"):
        out = BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for one, data in {**files, name: b"x"}.items():
                archive.writestr(one, data)
        (tmp_path / "b.zoo").write_bytes(out.getvalue())
        with pytest.raises(UserError):
            bundle.read(tmp_path / "b.zoo")


def test_bytes_changed_by_chance_are_found_or_refused(published: Path, tmp_path: Path) -> None:
    data, rng, place = published.read_bytes(), random.Random(1), tmp_path / "b.zoo"
    refused = 0
    for _ in range(300):
        at, changed = rng.randrange(len(data)), bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        place.write_bytes(bytes(changed[: rng.choice([len(data), rng.randrange(len(data))])]))
        try:
            held = not bundle.read(place).faults
        except UserError:
            refused, held = refused + 1, False
        if held:  # a byte of the archive that says nothing of the files, such as a time
            assert files_of(place) == files_of(published)
    assert refused > 100


def test_the_key_is_made_once_and_private(zoo_home: str, published: Path) -> None:
    files = {"boards.jsonl": b""}
    one, again = (bundle.write(Path(zoo_home) / "b.zoo", {"secrets": []}, files) for _ in range(2))
    assert one == again
    key = home.secrets_folder() / f"{home.SIGNING}.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert luck.secrets() == {}  # the key is no seed
    assert one != bundle.read(published).signer


def test_revealing_by_the_command_closes_the_epoch(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    zoo("match", "tit-for-tat", "random", "--arena", "ipd", "--set", "arena.max_steps=3", "--episodes", 2)
    before = luck.present()
    plain = zoo("publish", tmp_path / "a.zoo", "--json").json
    assert (luck.present().number, plain["secrets"]) == (before.number, [])
    zoo("publish", tmp_path / "b.zoo", "--reveal")
    assert luck.present().number != before.number
    assert [one.revealed for one in luck.epochs()] == [True, False]
    assert "no records of arena 'nowhere'" in refused("publish", tmp_path / "c.zoo", "--arena", "nowhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zoo.sandbox.attacks.referee:Leave", []),  # it ships, and ends the process that runs it
        ("leaderboard.records:BlockRecord", []),
        ("tit-for-tat", ["tit-for-tat", "tit-for-tat"]),
        ("axelrod:TitFor2Tats", ["axelrod:TitFor2Tats"]),
    ],
)
def test_a_bundle_names_agents_and_nothing_else_that_ships(
    text: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    assert [*_candidates(EntrantRecord("0" * 16, text, text, 1, {}, None, {"mode": "play"}))] == expected


def test_what_was_played_before_it_was_submitted_is_found_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record keeps the label of its file, `mine.py:Mine`, which no other home has."""
    told = {"event": "entered", "name": "mine", "author": "ada", "entry": "mine.py:Mine", "config": {}, "files": {}}
    venue = open_venue("ipd", "max_steps=5")
    with home.at(tmp_path), Store(":memory:") as store:
        store.add(arena_record(venue.spec, venue.identity))
        store.add(EntrantRecord("e" * 64, "mine.py:Mine", "mine.py:Mine", 1, {}, None, {"mode": "play"}))
        store.add(SubmissionRecord("f" * 64, "e" * 64, venue.identity, told, time_now()))
        texts = _Texts(venue, store)
        monkeypatch.setattr(texts, "_is", lambda who, text: text == "mine/1")
        assert texts.of("e" * 64) == "mine/1"
