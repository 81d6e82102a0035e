"""The report of a rehearsal: its document as JSON, in words, and as the page that the project draws."""
