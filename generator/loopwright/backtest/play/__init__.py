"""Policies played on a loss matrix. The project's own python runs it, too, so nothing of Loopwright is in it.

`loop.py` alone needs the project: it plays the loop with the project's own code.
"""
