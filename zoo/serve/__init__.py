"""Pages of a home for whoever has a browser: results, uploads that are tried apart, and games against an agent."""
