"""How devices and ops come in from outside: hooks, the host that contains plugins, and their states."""
