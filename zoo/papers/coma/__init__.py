"""The thesis's chapter 3: COMA, and the central critics that it is compared with."""
