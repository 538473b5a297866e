"""`edge-agent classify`: images and folders of images become labels."""
