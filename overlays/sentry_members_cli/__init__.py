"""The command line: `sentry-members`, or `python -m sentry_members_cli`. It needs the extra `cli`."""
