"""Entering: what an `async with` statement evaluates, looks up, awaits and binds, and in which order."""

from asyncwith import Logged, Trace, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"


@clause("PROT-01", source=ASYNC_WITH, expect=["evaluate", "look up enter and exit", "enter", "bind", "body", "exit"])
async def order_of_the_statement(trace: Trace) -> None:
    """The context expression is evaluated once, then both methods are looked up, then enter is awaited, the target bound, the body run and exit awaited."""

    class Method:
        def __init__(self, name: str) -> None:
            self.name = name

        def __get__(self, manager: object, kind: type) -> object:
            looked_up.add(self.name)
            if len(looked_up) == 2:
                trace("look up", *sorted(looked_up)[:1], "and", *sorted(looked_up)[1:])

            async def method(*args: object) -> None:
                trace(self.name)

            return method

    class Manager:
        __aenter__ = Method("enter")
        __aexit__ = Method("exit")

    class Target:
        def __setattr__(self, name: str, value: object) -> None:
            trace("bind")

    looked_up: set[str] = set()

    def expression() -> Manager:
        trace("evaluate")
        return Manager()

    async with expression() as Target().attribute:
        trace("body")


@clause("PROT-16", source=ASYNC_WITH, expect=["enter m", "exit m", "enter m", "exit m"])
async def break_and_continue_exit_normally(trace: Trace) -> None:
    """`break` and `continue` leave through `__aexit__(None, None, None)`."""
    for turn in range(5):
        async with Logged(trace, "m"):
            if turn == 0:
                continue
            break
