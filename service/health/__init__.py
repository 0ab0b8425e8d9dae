"""How the service is: facts, judged by small pure checks, told over HTTP, metrics, alerts and commands."""
