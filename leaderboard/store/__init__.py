"""The store: append-only records in one database, and the only place that knows which."""
