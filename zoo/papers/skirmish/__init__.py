"""Tables of the battle that are of no single paper."""
