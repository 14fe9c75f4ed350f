"""The command lines of both programs: `alertrouter`, the daemon, and `artool`, for everything a person types."""
