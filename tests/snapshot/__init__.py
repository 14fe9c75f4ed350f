"""Reading what an Alertmanager left behind."""
