"""PromQL as text: what an expression says, where it is wrong, and in Prometheus's words. Nothing is evaluated here."""
