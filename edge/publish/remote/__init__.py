"""Commands that arrive over MQTT, and the answers to them."""
