"""The workstation: photographs → scan → split → train → evaluate → quantize → pack → model.tflite."""
