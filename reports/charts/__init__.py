"""Charts as SVG text: over memory, of single runs, and a picture of its own."""
