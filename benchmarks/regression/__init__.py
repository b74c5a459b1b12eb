"""How often `tuner compare` and `tuner duet` are right: by simulation, and on real handlers on this machine."""
