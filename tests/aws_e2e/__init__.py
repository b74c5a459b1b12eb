"""Tunes functions of the local AWS stand-in end to end, through every fault."""
