"""What other counters print for a network, and the way from our numbers to theirs."""
