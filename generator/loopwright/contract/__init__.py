"""From what is in a table to the contract that a model must fulfil: roles, limits, warnings, and the text."""
