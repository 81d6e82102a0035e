"""The page of a rehearsal, drawn from the document that `loopwright rehearse` leaves."""
