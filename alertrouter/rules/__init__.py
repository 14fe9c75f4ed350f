"""The evaluator: rule files, and alerts from what a metrics server answers."""
