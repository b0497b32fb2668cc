"""Bricks of learners: networks, returns, estimators, replay. Maths and tensors, no games."""
