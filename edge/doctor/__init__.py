"""`edge-agent doctor`: one small file an area, each looks and then judges; nothing heavy is imported here."""
