"""What publish is made of: one connection to a broker, topics, and events that wait on disk."""
