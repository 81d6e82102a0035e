"""The loop of a project, rehearsed on this machine before anyone pays for it."""
