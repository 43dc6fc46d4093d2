"""The sample AI endpoint: OpenAI's chat-completions protocol with the Scenario's limits, failures, outages and latencies."""
