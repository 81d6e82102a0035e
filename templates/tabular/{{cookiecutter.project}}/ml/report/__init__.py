"""The parts of the monitor's page (`ml/page.py`): markup, charts, and a module for each kind of section."""
