"""Statistics: numbers with their intervals, ratings, comparisons; pure functions of arrays and records."""
