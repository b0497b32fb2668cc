"""Forms of a policy: what a network's outputs, a table or a script mean as actions."""
