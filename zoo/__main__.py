"""`python -m zoo`: the same as the command `zoo`."""

from marl_zoo import main

main()
