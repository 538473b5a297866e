"""The device: camera frames in, labels on MQTT out. Imports nothing of the training package."""

import os

# OpenCV reads these when it is loaded. What goes wrong is said once, in our own words, not in its own.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
