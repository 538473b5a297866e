"""The MQTT sink: one connection to a broker, topics and payloads, Home Assistant's discovery."""
