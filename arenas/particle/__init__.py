"""The particle worlds of MADDPG: `world` holds the physics, every other file one scenario."""
