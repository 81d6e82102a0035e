"""What AWS itself does in the loop, emulated by its documentation; nothing else of AWS is here."""
