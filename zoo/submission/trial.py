"""What a submission has to go through before it is entered: it is loaded, keeps the laws, and plays fixed partners."""

from __future__ import annotations

import re
from pathlib import Path

from leaderboard.records import STATUSES, BlockRecord, Status
from leaderboard.store.store import Store
from zoo.check.checking import check_agent
from zoo.check.verdict import Failed
from zoo.entry.entrant import Entrant
from zoo.entry.submitted import Submitted
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.matches.panel import newest
from zoo.play.blocks import Task, play_block
from zoo.submission.refusal import Refused
from zoo.submission.submission import Submission
from zoo.work.progress import Reading, Watch

#: Episodes with each fixed partner in each rotation, the seed that they are played on, and partners at most.
EPISODES, SEED, PARTNERS = 5, 1, 6
_ANCHOR = "random"
_CURES = {
    Status.INVALID: "play what the action mask allows, finite numbers within [-1, 1] where actions are continuous",
    Status.TIMEOUT: "do less in one step; `docs/submissions.md` says how much time there is",
    Status.CRASH: "mend it",
    Status.MEMORY: "use less memory",
    Status.FORFEIT: "answer whenever the seat is asked",
}


def loaded(submission: Submission, venue: Venue, trial: Submitted) -> Entrant:
    """The submission as an entrant, once everything about it fits the arena.

    Raises:
        Refused: it cannot be imported, is no agent, cannot play here, or its weights do not fit.
    """
    spec, where = venue.spec, submission.manifest.entry or "card.json"
    trained = submission.trained_in.partition("(")[0]
    if trained and trained != venue.identity.partition("(")[0]:
        cure = f"train it in {venue.choice.name}, or submit it there"
        raise Refused("weights", where, f"it was trained in {submission.trained_in}, not in {venue.identity}", cure)
    for seat in submission.manifest.seats:
        if seat not in spec.seats:
            seats = ", ".join(spec.seats)
            raise Refused("manifest", where, f"{venue.identity} has no seat {seat!r}", f"its seats are {seats}")
    try:
        entrant = venue.entrant(trial.label)
        if entrant.entry.agent.learns and entrant.checkpoint is None:
            raise Refused("weights", where, "it is a learner without weights", _training(submission, venue))
        entrant.agents(spec, tuple(spec.seats), 0)
    except Refused:
        raise
    except UserError as error:
        raise Refused("entry", where, _plain(str(error), trial.folder), _look(submission, venue)) from error
    return entrant


def keep_laws(submission: Submission, venue: Venue, trial: Submitted, entrant: Entrant, watch: Watch) -> int:
    """Hold a submission's code against the laws of agents; returns how many say something about it.

    It plays this game alone, so it need not know masks where nothing is ever forbidden.

    Raises:
        Refused: it breaks one.
    """
    default = vars(entrant.entry.agent.Config())
    changed = [text for text in trial.assignments if _differs(text, entrant, default)]
    text, choice = ",".join([trial.text, *changed]), venue.choice
    findings = []
    for finding in check_agent(text, choice.name, choice.settings, own_game=True):
        findings.append(finding)
        watch("laws", Reading(len(findings), 11))
    for finding in findings:
        if isinstance(finding.verdict, Failed):
            what = f"it breaks law {finding.number}, {finding.title.lower()}: {finding.verdict.reason}"
            raise Refused("laws", trial.entry, _plain(what, trial.folder), _look(submission, venue))
    return sum(finding.verdict.word == "passed" for finding in findings)


def _differs(text: str, entrant: Entrant, default: dict[str, object]) -> bool:
    """Whether a setting is another than the agent's own; laws cut what is not set, to be quick."""
    name = text.partition("=")[0]
    return bool(vars(entrant.config).get(name) != default.get(name))


def smoke(venue: Venue, store: Store, label: str, watch: Watch) -> list[str]:
    """Let a submission play a few episodes with fixed partners and with itself; returns who they were.

    Nothing is recorded.

    Raises:
        Refused: it spoils an episode.
    """
    partners = [label, *fixed_partners(venue, store)]
    for done, partner in enumerate(partners):
        watch("smoke match", Reading(done, len(partners)))
        (first, second) = sorted((label, partner), key=venue.id)
        block = play_block(venue, Task((first, second), SEED, 0, EPISODES))
        _must_be_sound(block, venue.id(label), label, partner)
    return partners[1:]


def fixed_partners(venue: Venue, store: Store) -> list[str]:
    """Scripts that can play here: the anchor of every panel, and those among the panel's members."""
    panel = newest(venue, store)
    partners = dict.fromkeys((_ANCHOR, *(panel.members if panel is not None else ())))
    return [text for text in partners if _is_script(venue, text)][:PARTNERS]


def _is_script(venue: Venue, text: str) -> bool:
    try:
        who = venue.entrant(text)
    except UserError:
        return False
    return who.checkpoint is None and not who.entry.agent.learns


def _must_be_sound(block: BlockRecord, who: str, label: str, partner: str) -> None:
    """See that an entrant spoiled no episode of a block."""
    for result in block.results:
        faults = [STATUSES[code] for code in sorted(set(result.statuses.tolist())) if code]
        if result.entrant != who or not faults:
            continue
        status = faults[0]
        said = next((log.message for log in block.logs if log.entrant == who and log.status == status), "")
        tail = next((log.tail for log in block.logs if log.entrant == who and log.tail), "").splitlines()[-3:]
        against = "itself" if partner == label else partner
        what = f"{status} in {result.seat} with {against}{f': {said}' if said else ''}"
        printed = f"; it printed: {' | '.join(tail)}" if tail else ""
        raise Refused("smoke", label, what + printed, _CURES.get(status, "mend it"))


def _plain(text: str, folder: Path) -> str:
    """A message without the temporary folder in which the files lie."""
    return re.sub(rf"{re.escape(str(folder))}/?", "", text)


def _training(submission: Submission, venue: Venue) -> str:
    entry = submission.manifest.entry
    words = " ".join([venue.choice.name, *(f"--set arena.{setting}" for setting in venue.choice.settings)])
    return f"train it, `zoo train {entry} --arena {words} --out weights`, and submit {entry}@weights"


def _look(submission: Submission, venue: Venue) -> str:
    entry = submission.manifest.entry
    return f"`zoo check {entry} --arena {venue.choice.name}` shows more" if entry else "train it again"
