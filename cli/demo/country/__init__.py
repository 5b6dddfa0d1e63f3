"""``urna demo --with-sheets``: a whole country, with polling stations, tally sheets and ballots, through the pages."""
