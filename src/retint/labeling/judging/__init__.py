"""How good labels are, how sure of themselves, and what to label next."""
