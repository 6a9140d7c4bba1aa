"""How good the routing is, measured on labelled requests and on outcomes: `headrace eval`.

Nothing here runs while serving; the `eval` extra brings what it needs.
"""
