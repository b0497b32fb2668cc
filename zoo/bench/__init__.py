"""How fast this installation is, beside peers that are measured in the same run."""
