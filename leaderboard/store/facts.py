"""Which kinds of facts there are, and what may differ where one is added again."""

from collections.abc import Mapping
from dataclasses import fields

from leaderboard.records import (
    ArenaRecord,
    CheckpointRecord,
    EntrantRecord,
    LogRecord,
    MatchRecord,
    Measurement,
    NameRecord,
    PanelRecord,
    SubmissionRecord,
)
from leaderboard.seeds import SeedRecord

#: All that is recorded besides blocks.
Fact = (
    ArenaRecord
    | EntrantRecord
    | NameRecord
    | CheckpointRecord
    | LogRecord
    | PanelRecord
    | MatchRecord
    | Measurement
    | SubmissionRecord
    | SeedRecord
)
#: Kind -> the fields that may differ from those of the fact that is recorded under the same id.
MAY_DIFFER: Mapping[type, set[str]] = {
    ArenaRecord: {"details"},
    EntrantRecord: {"label", "provenance"},
    CheckpointRecord: {"path", "card", "created"},
    SubmissionRecord: {"created"},
    SeedRecord: {"created"},
    LogRecord: {field.name for field in fields(LogRecord)},
    MatchRecord: {field.name for field in fields(MatchRecord)},
}
