"""What people start: the command line, later the window, the dashboard and the service."""
