"""The same loads against a real Alertmanager and against alertrouter, in one run, as ratios.

``python -m benchmarks.run --alertmanager PATH``; what is measured and how is told in ``docs/performance.md``.
"""
