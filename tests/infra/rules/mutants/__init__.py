"""The faults, a family a module; each row is an id, what is wrong, where the idea is from, and the change."""
