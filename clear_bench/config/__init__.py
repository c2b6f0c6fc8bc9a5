"""What is asked for, as plain data: settings, methods, protocols, studies, plugins."""
