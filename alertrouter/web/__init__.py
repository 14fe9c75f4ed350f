"""Pages for people: rendered here, working without JavaScript, and getting what the API gets."""
