"""Games of two who each see a handwritten digit and may send bits."""
