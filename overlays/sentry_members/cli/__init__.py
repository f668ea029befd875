"""The command line: `sentry-members`, or `python -m sentry_members`. It needs the extra `cli`."""
