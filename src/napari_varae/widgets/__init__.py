"""The docks: thin, one per task; they show the session and send it wishes."""
