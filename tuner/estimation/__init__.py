"""What is believed of every memory size and architecture, from few measurements."""
