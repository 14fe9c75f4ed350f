"""Crashes at every step of the road of an alert, under load: nothing acknowledged is lost, nothing is repeated unmarked.

``python -m tests.crash --runs 500 --seed 1`` is the long run; ``test_crash.py`` the short one.
"""
