"""`make demo`: real photographs, a rendered inspection line, the agent as a process, labels judged."""
