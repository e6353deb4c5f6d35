"""What a corpus of some size takes, before it is made: memory, disk, network, GPUs, nodes, hours.

One formula a function, each with its source; ``forecast`` puts them together. Measured against a
real server by ``bench/plan_check.py``; explained in ``docs/planning.md``.
"""
