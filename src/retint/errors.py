"""What goes wrong, said in one line that a person can act on."""


class RetintError(Exception):
    """Bad input: the message names the file, what was found, what was expected and how to mend it."""


class DataProblems(RetintError):
    """Everything that is wrong with a data set, found in one pass.

    Attributes:
        problems: one line each.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def reason_of(error: BaseException) -> str:
    """What an error of another library says, in one line; its kind if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]
