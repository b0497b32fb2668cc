"""What "Learning to Communicate with Deep Multi-Agent Reinforcement Learning" reports; chapter 6 of the thesis."""
