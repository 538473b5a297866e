"""The device: camera frames in, labels on MQTT out. Imports nothing of the training package."""
