"""Commands that show and judge what was measured."""
