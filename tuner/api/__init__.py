"""What `import tuner` offers: tune, compare, duet and load results, as functions that return values.

Prints nothing and knows no exit code. The command line prints what these functions return.
"""
