"""Lambda's control plane and Invoke, as strict as AWS.

moto's own Lambda ignores Qualifier on Invoke, reuses version numbers, lets published versions
be changed, knows no states, revisions, aliases' weights or quotas, and runs nothing without
Docker; that is what a tuner depends on, so this package replaces it as a whole.
"""
