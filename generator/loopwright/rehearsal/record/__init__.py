"""The decision record of a rehearsal: written line by line, verified, and decided again by the project's own code."""
