"""Pages: what all of them are drawn with; findings, moves and periods are of the monitor's alone (`ml/page.py`)."""
