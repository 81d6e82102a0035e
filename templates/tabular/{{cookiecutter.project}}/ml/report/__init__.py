"""Pages: html, markup and charts of all of them; findings, moves and periods are of the monitor's (`ml/page.py`)."""
