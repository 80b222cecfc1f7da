"""From a wish to what is stored: one transaction that resolves, allocates, places, plans and writes."""
