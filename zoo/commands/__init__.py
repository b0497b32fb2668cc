"""The commands of `zoo`, one file each, imported only when used."""
