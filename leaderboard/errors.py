"""The errors of this package that a user can cause."""


class StoreError(Exception):
    """The records cannot be read or written; the message is one line that names the fault and the fix."""


class NoRecordsError(StoreError):
    """There is no database yet, or an empty one, and it was opened for reading only."""


class OlderStoreError(StoreError):
    """The database was written by an older release, and was opened for reading only."""
