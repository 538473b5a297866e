"""What is measured on: recordings, live cameras and models."""
