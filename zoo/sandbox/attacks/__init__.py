"""What strangers' agents might try: each attack is an agent that does it when it is asked to act.

Modules of attacks by what they aim at: `files`, `processes`, `network`, `channels`, `native`, `referee`. An attack has
succeeded if it prints the secret of its target, if it prints a line that begins with "won", if something that the
stage watches has changed, or if the referee is held up or misled. `stage` sets up the targets, `run` plays the attacks.
"""
