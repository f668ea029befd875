"""Onboarding of many people: as fast as Sentry allows, and no row is lost.

```python
people = read_people("people.csv")
async with AsyncSentryMembers() as sentry:
    with ResultsFile("people.results.csv", sentry.url, "acme") as results_file:
        async with aclosing(onboard(sentry, "acme", people, results_file)) as results:
            async for result in results:
                print(result.row, result.outcome, result.detail)
```

`sentry-members onboard` does the same on the command line.
"""

from .cells import PeopleError
from .people import People, read_people, read_teams
from .results_file import OtherSentryError, ResultsFile, ResultsFileError
from .rows import Addition, BadRow, Invite, Result, Row, RowOutcome
from .run import onboard

__all__ = [
    "Addition",
    "BadRow",
    "Invite",
    "OtherSentryError",
    "People",
    "PeopleError",
    "Result",
    "ResultsFile",
    "ResultsFileError",
    "Row",
    "RowOutcome",
    "onboard",
    "read_people",
    "read_teams",
]
