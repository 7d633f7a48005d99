"""Every exception that dashcam raises on purpose.

None of them is ever raised into a request: capture counts and warns instead.

* `DashcamError`

  * `SettingsError`: a setting has a bad value or an unknown name.
  * `JournalError`: a journal directory or file can't be used.
  * `StoreError`: the store did not take, or did not give, rows.

    * `StoreUnavailableError`: passing trouble (connection lost, locked, timeout, disk full).
      The same call may succeed later; nothing is wrong with the rows.
    * `RowRefusedError`: the engine refuses a row of this batch for what is in it. The same
      batch will be refused again; the writer bisects it.
    * `StoreSetupError`: schema, credential or version is wrong. No row can be stored until a
      person does something.

      * `MissingExtraError`: a package that is needed isn't installed; the message says which.

  * `QueryError`: a filter, cursor or limit that makes no sense.
"""


class DashcamError(Exception):
    """The base of all exceptions that dashcam raises on purpose."""


class SettingsError(DashcamError, ValueError):
    """A setting has a bad value or an unknown name; the message says which and what is allowed."""


class JournalError(DashcamError):
    """A journal directory or file can't be used; the message says which, why and what to do."""


class StoreError(DashcamError):
    """The store did not take, or did not give, rows."""


class StoreUnavailableError(StoreError):
    """Passing trouble: the same call may succeed later."""


class RowRefusedError(StoreError):
    """The engine refuses a row of this batch for what is in it."""


class StoreSetupError(StoreError):
    """Schema, credential or version is wrong: no row can be stored until a person acts."""


class MissingExtraError(StoreSetupError):
    """A package that is needed isn't installed; the message says how to install it."""


class QueryError(DashcamError, ValueError):
    """A filter, cursor or limit that makes no sense; the message names the value."""
