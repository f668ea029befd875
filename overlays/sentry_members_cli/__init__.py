"""The command line, `sentry-members` or `python -m sentry_members_cli`; needs the extra `cli`."""
