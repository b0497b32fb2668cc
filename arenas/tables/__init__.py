"""Games with finitely many positions: played through tables, and valued and answered exactly."""
