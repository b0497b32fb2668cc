"""Views: what is computed from the records for people, boards above all; the same records, the same bytes."""
