"""What logs hold: messages of exports, the reports among them, and the samples that these are."""
