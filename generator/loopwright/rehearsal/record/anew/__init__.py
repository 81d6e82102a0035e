"""What is recorded, decided anew by a project's own code, in its own python: nothing here knows of Loopwright."""
