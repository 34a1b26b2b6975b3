"""Faulty libraries written by hand: contextlib with a thought gone wrong, which takes more than one small mutation.

Each is edits in the text of one class. A Python whose text is another one does not have the fault.
"""

# ruff: noqa: E501 - lines of code inside of strings

from __future__ import annotations

import ast
import contextlib
import inspect
from collections.abc import Iterator

__all__ = ["REWRITTEN", "rewritten"]

GENERATOR = "_AsyncGeneratorContextManager"
BASE = "_GeneratorContextManagerBase"
DECORATOR = "AsyncContextDecorator"
STACK = "AsyncExitStack"
STACK_BASE = "_BaseExitStack"
ABSTRACT = "AbstractAsyncContextManager"

GOOD_EXIT = """            try:
                await anext(self.gen)
            except StopAsyncIteration:
                return False
"""
UNWIND = """                if is_sync:
                    cb_suppress = cb(*exc_details)
                else:
                    cb_suppress = await cb(*exc_details)
"""
RAISE_FIXED = """            try:
                fixed_ctx = exc.__context__
                raise exc
            except BaseException:
                exc.__context__ = fixed_ctx
                raise
"""
NOT_STOPPED = """            try:
                raise RuntimeError("generator didn't stop after athrow()")
            finally:
                await self.gen.aclose()
"""
OTHERS = "            except BaseException as exc:\n                if exc is not value:\n"
STOPPED = "            except StopAsyncIteration as exc:\n                return exc is not value\n"

# What is wrong: the class, and the texts in it that read otherwise.
REWRITTEN: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    # Managers made from generators
    "errors are told apart by equality": (GENERATOR, (("exc is not value:", "exc != value:"),)),
    "errors are told apart by class": (GENERATOR, (("exc is not value:", "type(exc) is not type(value):"),)),
    "errors are told apart by class and text": (GENERATOR, (("exc is not value:", "repr(exc) != repr(value):"),)),
    "a RuntimeError is told apart by equality": (GENERATOR, (("if exc is value:", "if exc == value:"),)),
    "a StopAsyncIteration is told apart by equality": (GENERATOR, (("return exc is not value", "return exc != value"),)),
    "a StopAsyncIteration is told apart by class": (GENERATOR, (("return exc is not value", "return type(exc) is not type(value)"),)),
    "a StopAsyncIteration of the body is looked at by class": (GENERATOR, (("return exc is not value", "return not isinstance(value, StopAsyncIteration)"),)),
    "the context is taken for the cause": (GENERATOR, (("exc.__cause__ is value", "exc.__context__ is value"),)),
    "any cause will do": (GENERATOR, (("exc.__cause__ is value", "exc.__cause__ is not None"),)),
    "subclasses of StopIteration are forgotten": (GENERATOR, (("isinstance(value, (StopIteration, StopAsyncIteration))", "type(value) in (StopIteration, StopAsyncIteration)"),)),
    "StopIteration is forgotten": (GENERATOR, (("(StopIteration, StopAsyncIteration)", "StopAsyncIteration"),)),
    "StopAsyncIteration is forgotten": (GENERATOR, (("(StopIteration, StopAsyncIteration)", "StopIteration"),)),
    "what is no StopIteration is dropped too": (GENERATOR, (("isinstance(value, (StopIteration, StopAsyncIteration)) and exc.__cause__ is value", "exc.__cause__ is value"),)),
    "an error that is false is none": (GENERATOR, (("if typ is None:", "if not value:"),)),
    "an error without an instance is none": (GENERATOR, (("if typ is None:", "if value is None:"),)),
    "an error that is false is made anew": (GENERATOR, (("if value is None:", "if not value:"),)),
    "the generator gets a copy of the error": (GENERATOR, (("athrow(value)", "athrow(typ(*value.args))"),)),
    "the generator gets the class of the error": (GENERATOR, (("athrow(value)", "athrow(typ)"),)),
    "the generator gets the error with its traceback taken off": (GENERATOR, (("athrow(value)", "athrow(value.with_traceback(None))"),)),
    "the generator gets three arguments": (GENERATOR, (("athrow(value)", "athrow(typ, value, traceback)"),)),
    "the traceback is taken off": (GENERATOR, (("exc.__traceback__ = traceback", "exc.__traceback__ = None"),)),
    "the context of the error is taken off": (GENERATOR, (("exc.__traceback__ = traceback", "exc.__traceback__ = traceback; exc.__context__ = None"),)),
    "the context of the error is hidden": (GENERATOR, (("exc.__traceback__ = traceback", "exc.__traceback__ = traceback; exc.__suppress_context__ = True"),)),
    "a generator that yields again on an error is not closed": (GENERATOR, ((NOT_STOPPED, "            raise RuntimeError(\"generator didn't stop after athrow()\")\n"),)),
    "a generator that yields again on an error is left to its loop": (GENERATOR, ((NOT_STOPPED, "            self.gen = None\n            raise RuntimeError(\"generator didn't stop after athrow()\")\n"),)),
    "a second yield of nothing is overlooked": (GENERATOR, ((GOOD_EXIT, GOOD_EXIT.replace("await anext(self.gen)", "if await anext(self.gen) is None:\n                    return False")),)),
    "a yield of nothing after the error is overlooked": (GENERATOR, (("await self.gen.athrow(value)", "if await self.gen.athrow(value) is None:\n                    return True"),)),
    "after a good body the generator is closed": (GENERATOR, ((GOOD_EXIT, "            try:\n                await self.gen.aclose()\n                return False\n            except StopAsyncIteration:\n                return False\n"),)),
    "what the generator raises after a good body is dropped": (GENERATOR, ((GOOD_EXIT, GOOD_EXIT + "            except Exception:\n                return False\n"),)),
    "a cancellation after a good body is dropped": (GENERATOR, ((GOOD_EXIT, GOOD_EXIT + "            except BaseException as exc:\n                if 'Cancel' in type(exc).__name__:\n                    return False\n                raise\n"),)),
    "GeneratorExit closes the generator": (GENERATOR, (("            if value is None:\n", "            if typ is GeneratorExit:\n                await self.gen.aclose()\n                return False\n            if value is None:\n"),)),
    "a cancellation is not thrown into the generator": (GENERATOR, (("            if value is None:\n", "            if 'Cancel' in typ.__name__:\n                await self.gen.aclose()\n                return False\n            if value is None:\n"),)),
    "what is no Exception cannot be suppressed": (GENERATOR, ((STOPPED, STOPPED.replace("exc is not value", "exc is not value and isinstance(value, Exception)")),)),
    "a group of errors cannot be split": (GENERATOR, ((OTHERS, OTHERS.replace("exc is not value:", "exc is not value and not hasattr(value, 'exceptions'):")),)),
    "an error that the generator raises from the body's is dropped": (GENERATOR, ((OTHERS, OTHERS.replace("exc is not value:", "exc is not value and exc.__cause__ is not value:")),)),
    "the manager keeps the error": (GENERATOR, (("            if value is None:\n", "            self.error = value\n            if value is None:\n"),)),
    "the manager keeps what it gave": (GENERATOR, (("return await anext(self.gen)", "self.value = await anext(self.gen)\n            return self.value"),)),
    "the arguments are kept during enter": (GENERATOR, (("        del self.args, self.kwds, self.func\n", ""), ("            return await anext(self.gen)", "            value = await anext(self.gen)\n            del self.args, self.kwds, self.func\n            return value"))),
    "what enter gives is awaited": (GENERATOR, (("return await anext(self.gen)", "value = await anext(self.gen)\n            return await value if hasattr(value, '__await__') else value"),)),
    "the enter's error is told from the generator's": (GENERATOR, (("from None", "from exc"), ("except StopAsyncIteration:\n            raise", "except StopAsyncIteration as exc:\n            raise"))),
    "an exit that suppresses nothing gives None": (GENERATOR, (("return False", "return None"),)),
    "managers are used again": (BASE, (("return self.__class__(self.func, self.args, self.kwds)", "return self"),)),
    "arguments by name are lost": (BASE, (("self.gen = func(*args, **kwds)", "self.gen = func(*args)"),)),
    "an error of the generator gets the traceback of the body's": (GENERATOR, ((OTHERS + "                    raise\n", OTHERS + "                    raise exc.with_traceback(traceback)\n"),)),
    "the cause of the error is taken off": (GENERATOR, (("exc.__traceback__ = traceback", "exc.__traceback__ = traceback; exc.__cause__ = None"),)),
    "a hidden context of the error is shown": (GENERATOR, (("exc.__traceback__ = traceback", "exc.__traceback__ = traceback; exc.__suppress_context__ = False"),)),
    "the error is marked": (GENERATOR, (("exc.__traceback__ = traceback", "exc.__traceback__ = traceback; exc.passed = True"),)),
    "a GeneratorExit that the generator raises is dropped": (GENERATOR, ((OTHERS, "            except GeneratorExit:\n                return False\n" + OTHERS),)),
    "the cause of the cause will do": (GENERATOR, (("exc.__cause__ is value", "value in (exc.__cause__, getattr(exc.__cause__, '__cause__', None))"),)),
    "the function is called twice": (BASE, (("self.gen = func(*args, **kwds)", "self.gen = func(*args, **kwds) and func(*args, **kwds)"),)),
    "a manager cannot be in a set": (GENERATOR, (("    async def __aenter__(self):\n", "    __hash__ = None\n\n    async def __aenter__(self):\n"),)),
    # Decorators
    "one manager serves all calls": (DECORATOR, (("    def __call__(self, func):\n", "    def __call__(self, func):\n        shared = self._recreate_cm()\n"), ("async with self._recreate_cm():\n                return await", "async with shared:\n                return await"))),
    "arguments by name do not reach the function": (DECORATOR, (("await func(*args, **kwds)", "await func(*args)"),)),
    "a false result is lost": (DECORATOR, (("return await func(*args, **kwds)", "return await func(*args, **kwds) or None"),)),
    "the function is called before the manager is entered": (DECORATOR, (("            async with self._recreate_cm():\n                return await func(*args, **kwds)", "            coroutine = func(*args, **kwds)\n            async with self._recreate_cm():\n                return await coroutine"),)),
    "the function is awaited when the manager was left": (DECORATOR, (("            async with self._recreate_cm():\n                return await func(*args, **kwds)", "            async with self._recreate_cm():\n                coroutine = func(*args, **kwds)\n            return await coroutine"),)),
    "nothing is suppressed around a function": (DECORATOR, (("                return await func(*args, **kwds)", "                error = None\n                try:\n                    return await func(*args, **kwds)\n                except BaseException as exc:\n                    error = exc\n            if error is not None:\n                raise error"),)),
    "a decorated function does not say where it was defined": (DECORATOR, (("@wraps(func)", "@wraps(func, assigned=('__name__', '__doc__'))"), ("wraps(func)\n", "wraps(func, assigned=('__name__', '__doc__'))\n"))),
    # aclosing and nullcontext
    "aclosing closes after a good body only": ("aclosing", (("        await self.thing.aclose()", "        if exc_info[0] is None:\n            await self.thing.aclose()"),)),
    "aclosing closes after an error only": ("aclosing", (("        await self.thing.aclose()", "        if exc_info[0] is not None:\n            await self.thing.aclose()"),)),
    "aclosing drops errors of closing": ("aclosing", (("        await self.thing.aclose()", "        with suppress(Exception):\n            await self.thing.aclose()"),)),
    "aclosing drops errors of closing after an error": ("aclosing", (("        await self.thing.aclose()", "        try:\n            await self.thing.aclose()\n        except Exception:\n            if exc_info[0] is None:\n                raise"),)),
    "aclosing closes generators only": ("aclosing", (("        await self.thing.aclose()", "        if hasattr(self.thing, 'ag_frame'):\n            await self.thing.aclose()"),)),
    "aclosing gives itself": ("aclosing", (("return self.thing", "return self"),)),
    "aclosing suppresses": ("aclosing", (("        await self.thing.aclose()", "        return await self.thing.aclose()"),)),
    "aclosing closes twice": ("aclosing", (("        await self.thing.aclose()", "        await self.thing.aclose()\n        await self.thing.aclose()"),)),
    "aclosing does not close when cancelled": ("aclosing", (("        await self.thing.aclose()", "        if exc_info[0] is None or issubclass(exc_info[0], Exception):\n            await self.thing.aclose()"),)),
    "aclosing awaits what has __await__ only": ("aclosing", (("        await self.thing.aclose()", "        closing = self.thing.aclose()\n        if hasattr(closing, '__await__'):\n            await closing"),)),
    "aclosing drops a GeneratorExit of closing": ("aclosing", (("        await self.thing.aclose()", "        with suppress(GeneratorExit):\n            await self.thing.aclose()"),)),
    "aclosing leaves a busy generator alone": ("aclosing", (("        await self.thing.aclose()", "        if not getattr(self.thing, 'ag_running', False):\n            await self.thing.aclose()"),)),
    "nullcontext suppresses": ("nullcontext", (("async def __aexit__(self, *excinfo):\n        pass", "async def __aexit__(self, *excinfo):\n        return True"),)),
    "nullcontext gives itself for what is false": ("nullcontext", (("    async def __aenter__(self):\n        return self.enter_result", "    async def __aenter__(self):\n        return self.enter_result or self"),)),
    "nullcontext awaits what it gives": ("nullcontext", (("    async def __aenter__(self):\n        return self.enter_result", "    async def __aenter__(self):\n        value = self.enter_result\n        return await value if hasattr(value, '__await__') else value"),)),
    "nullcontext can be used once": ("nullcontext", (("async def __aexit__(self, *excinfo):\n        pass", "async def __aexit__(self, *excinfo):\n        del self.enter_result"),)),
    # Stacks
    "a stack unwinds what was there at the beginning": (STACK, (("        while self._exit_callbacks:\n            is_sync, cb = self._exit_callbacks.pop()\n", "        callbacks, self._exit_callbacks = self._exit_callbacks, deque()\n        while callbacks:\n            is_sync, cb = callbacks.pop()\n"),)),
    "a stack keeps what it has unwound": (STACK, (("        while self._exit_callbacks:\n            is_sync, cb = self._exit_callbacks.pop()\n", "        for is_sync, cb in reversed(list(self._exit_callbacks)):\n"),)),
    "a stack that is entered is emptied": (STACK, (("    async def __aenter__(self):\n", "    async def __aenter__(self):\n        self._exit_callbacks.clear()\n"),)),
    "a stack stops unwinding when it is cancelled": (STACK, (("            except BaseException as new_exc:\n", "            except BaseException as new_exc:\n                if 'Cancel' in type(new_exc).__name__:\n                    raise\n"),)),
    "a stack stops unwinding for what is no Exception": (STACK, (("            except BaseException as new_exc:\n", "            except BaseException as new_exc:\n                if not isinstance(new_exc, Exception):\n                    raise\n"),)),
    "a stack stops unwinding at an error of an exit": (STACK, (("            except BaseException as new_exc:\n", "            except BaseException as new_exc:\n                self._exit_callbacks.clear()\n"),)),
    "only True suppresses on a stack": (STACK, (("if cb_suppress:", "if cb_suppress is True:"),)),
    "what equals True suppresses on a stack": (STACK, (("if cb_suppress:", "if cb_suppress == True:"),)),
    "all but None suppresses on a stack": (STACK, (("if cb_suppress:", "if cb_suppress is not None:"),)),
    "what is no Exception cannot be suppressed on a stack": (STACK, (("if cb_suppress:", "if cb_suppress and (exc is None or isinstance(exc, Exception)):"),)),
    "a suppressing exit hides errors after it": (STACK, (("            except BaseException as new_exc:\n", "            except BaseException as new_exc:\n                if suppressed_exc:\n                    continue\n"),)),
    "the truth of an exit is asked for outside": (STACK, (("                if cb_suppress:\n                    suppressed_exc = True\n                    pending_raise = False\n                    exc = None\n            except", "            except"), ("                exc = new_exc\n", "                exc = new_exc\n            else:\n                if cb_suppress:\n                    suppressed_exc = True\n                    pending_raise = False\n                    exc = None\n"))),
    "an exit of a stack that gives something false is not awaited": (STACK, (("cb_suppress = await cb(*exc_details)", "cb_suppress = cb(*exc_details)\n                    cb_suppress = await cb_suppress if cb_suppress else cb_suppress"),)),
    "an exit of a stack need not be awaitable": (STACK, (("cb_suppress = await cb(*exc_details)", "cb_suppress = cb(*exc_details)\n                    if hasattr(cb_suppress, '__await__'):\n                        cb_suppress = await cb_suppress"),)),
    "exits of a stack get the first error": (STACK, (("exc_details = (type(exc), exc, exc.__traceback__)", "exc_details = exc_details if exc_details[1] is not None else (type(exc), exc, exc.__traceback__)"),)),
    "exits of a stack get the error without traceback": (STACK, (("exc_details = (type(exc), exc, exc.__traceback__)", "exc_details = (type(exc), exc, None)"),)),
    "exits of a stack get the error's base class": (STACK, (("exc_details = (type(exc), exc, exc.__traceback__)", "exc_details = (type(exc).__mro__[-3 if isinstance(exc, Exception) else -2], exc, exc.__traceback__)"),)),
    "a stack takes an error that is false for none": (STACK, (("if exc is None:", "if not exc:"),)),
    "a stack has not received an error that is false": (STACK, (("received_exc = exc is not None", "received_exc = bool(exc)"),)),
    "a stack looks at what is being handled instead of what it is given": (STACK, (("exc = exc_details[1]", "exc = sys.exception()"),)),
    "a stack takes what is being handled outside for its own": (STACK, (("frame_exc = sys.exception()", "frame_exc = None"),)),
    "a stack says that it suppressed if nothing is left": (STACK, (("return received_exc and suppressed_exc", "return received_exc and not pending_raise"),)),
    "a stack says that it suppressed whatever it was": (STACK, (("return received_exc and suppressed_exc", "return suppressed_exc"),)),
    "an error of an exit leaves a stack as its exit raised it": (STACK, ((RAISE_FIXED, "            raise exc\n"),)),
    "an error of an exit leaves a stack with its context hidden": (STACK, ((RAISE_FIXED, "            raise exc from exc.__cause__\n"),)),
    "an error of an exit leaves a stack without its traceback": (STACK, (("                raise exc\n", "                raise exc.with_traceback(None)\n"),)),
    "the context of an exit's error is always the error before": (STACK, (("                _fix_exception_context(new_exc, exc)\n", "                if new_exc is not exc:\n                    new_exc.__context__ = exc\n"),)),
    "the context of an exit's error is the error before if it has none": (STACK, (("                _fix_exception_context(new_exc, exc)\n", "                if new_exc is not exc and new_exc.__context__ is None:\n                    new_exc.__context__ = exc\n"),)),
    "the end of the chain is looked for behind the cause": (STACK, (("exc_context = new_exc.__context__\n", "exc_context = new_exc.__cause__ or new_exc.__context__\n"),)),
    "an error of a stack hides its context": (STACK, (("            new_exc.__context__ = old_exc\n", "            new_exc.__context__ = old_exc\n            new_exc.__suppress_context__ = True\n"),)),
    "a stack keeps its last error": (STACK, (("                exc = new_exc\n", "                exc = self.error = new_exc\n"),)),
    "a stack keeps its last callback": (STACK, (("            is_sync, cb = self._exit_callbacks.pop()\n", "            is_sync, cb = self.last = self._exit_callbacks.pop()\n"),)),
    "a stack runs asynchronous exits in tasks of their own": (STACK, (("cb_suppress = await cb(*exc_details)", "import asyncio\n                    cb_suppress = await asyncio.ensure_future(cb(*exc_details))"),)),
    "a stack lets the loop run before each exit": (STACK, (("cb_suppress = await cb(*exc_details)", "import asyncio\n                    await asyncio.sleep(0)\n                    cb_suppress = await cb(*exc_details)"),)),
    "a stack runs its exits in a copy of the context": (STACK, (("cb_suppress = cb(*exc_details)", "import contextvars\n                    cb_suppress = contextvars.copy_context().run(cb, *exc_details)"),)),
    "aclose tells the exits what is being handled": (STACK, (("await self.__aexit__(None, None, None)", "await self.__aexit__(*sys.exc_info())"),)),
    "aclose gives what the exit gives": (STACK, (("        await self.__aexit__(None, None, None)", "        return await self.__aexit__(None, None, None)"),)),
    "aclose drops errors": (STACK, (("        await self.__aexit__(None, None, None)", "        with suppress(Exception):\n            await self.__aexit__(None, None, None)"),)),
    "a manager is entered after its exit was registered": (STACK, (("        result = await _enter(cm)\n        self._push_async_cm_exit(cm, _exit)\n", "        self._push_async_cm_exit(cm, _exit)\n        result = await _enter(cm)\n"),)),
    "a manager whose enter fails is exited": (STACK, (("        result = await _enter(cm)\n", "        try:\n            result = await _enter(cm)\n        except Exception:\n            await _exit(cm, *sys.exc_info())\n            raise\n"),)),
    "a manager whose enter is cancelled is exited": (STACK, (("        result = await _enter(cm)\n", "        try:\n            result = await _enter(cm)\n        except BaseException as exc:\n            if not isinstance(exc, Exception):\n                self._push_async_cm_exit(cm, _exit)\n            raise\n"),)),
    "a false result of enter is lost": (STACK, (("        return result\n", "        return result or cm\n"),)),
    "what enter gives is exited": (STACK, (("self._push_async_cm_exit(cm, _exit)\n        return", "self._push_async_cm_exit(result if isinstance(result, cls) else cm, _exit)\n        return"),)),
    "the methods are looked up by __class__": (STACK, (("cls = type(cm)", "cls = cm.__class__"),)),
    "exits are looked up by __class__": (STACK, (("_cb_type = type(exit)", "_cb_type = exit.__class__"),)),
    "exits of synchronous managers are looked up by __class__": (STACK_BASE, (("_cb_type = type(exit)", "_cb_type = exit.__class__"),)),
    "synchronous managers are looked up by __class__": (STACK_BASE, (("cls = type(cm)", "cls = cm.__class__"),)),
    "a false result of a synchronous enter is lost": (STACK_BASE, (("        return result\n", "        return result or cm\n"),)),
    "a synchronous manager is entered after its exit was registered": (STACK_BASE, (("        result = _enter(cm)\n        self._push_cm_exit(cm, _exit)\n", "        self._push_cm_exit(cm, _exit)\n        result = _enter(cm)\n"),)),
    "asynchronous callbacks suppress": (STACK, (("            await callback(*args, **kwds)\n", "            return await callback(*args, **kwds)\n"),)),
    "callbacks suppress": (STACK_BASE, (("            callback(*args, **kwds)\n", "            return callback(*args, **kwds)\n"),)),
    "asynchronous callbacks are called when they are registered": (STACK, (("        async def _exit_wrapper(exc_type, exc, tb):\n            await callback(*args, **kwds)", "        called = callback(*args, **kwds)\n\n        async def _exit_wrapper(exc_type, exc, tb):\n            await called"),)),
    "asynchronous callbacks lose arguments by name": (STACK, (("await callback(*args, **kwds)", "await callback(*args)"),)),
    "callbacks lose arguments by name": (STACK_BASE, (("            callback(*args, **kwds)", "            callback(*args)"),)),
    "callbacks run only after a good body": (STACK_BASE, (("            callback(*args, **kwds)", "            if exc is None:\n                callback(*args, **kwds)"),)),
    "asynchronous callbacks run only after a good body": (STACK, (("            await callback(*args, **kwds)", "            if exc is None:\n                await callback(*args, **kwds)"),)),
    "an argument of a callback may not be called callback": (STACK_BASE, (("def callback(self, callback, /, ", "def callback(self, callback, "),)),
    "an argument of an asynchronous callback may not be called callback": (STACK, (("def push_async_callback(self, callback, /, ", "def push_async_callback(self, callback, "),)),
    "an argument may not be called callback inside": (STACK, (("def _create_async_cb_wrapper(callback, /, ", "def _create_async_cb_wrapper(callback, "),)),
    "push gives what it registers": (STACK, (("        return exit", "        return self._exit_callbacks[-1][1]"),)),
    "a stack has room for a thousand": (STACK_BASE, (("deque()", "deque(maxlen=1000)"),)),
    "a manager is registered once": (STACK_BASE, (("        self._exit_callbacks.append((is_sync, callback))", "        if (is_sync, callback) not in self._exit_callbacks:\n            self._exit_callbacks.append((is_sync, callback))"),)),
    "all stacks share what is registered": (STACK_BASE, (("        self._exit_callbacks = deque()\n\n    def pop_all", "        self._exit_callbacks = shared\n\n    def pop_all"), ("    def __init__(self):\n", "    def __init__(self, shared=deque()):\n"))),
    "pop_all gives a plain stack": (STACK_BASE, (("new_stack = type(self)()", "new_stack = AsyncExitStack()"),)),
    "pop_all gives a copy": (STACK_BASE, (("        new_stack._exit_callbacks = self._exit_callbacks\n        self._exit_callbacks = deque()\n", "        new_stack._exit_callbacks = self._exit_callbacks.copy()\n"),)),
    "pop_all turns the order round": (STACK_BASE, (("        new_stack._exit_callbacks = self._exit_callbacks\n", "        new_stack._exit_callbacks = deque(reversed(self._exit_callbacks))\n"),)),
    "pop_all gives the stack itself": (STACK_BASE, (("        new_stack = type(self)()\n", "        return self\n"),)),
    "an AttributeError of enter says that there is none": (STACK, (("            _exit = cls.__aexit__\n", "            _exit = cls.__aexit__\n            given = await _enter(cm)\n"), ("result = await _enter(cm)", "result = given"))),
    "an AttributeError of a synchronous enter says that there is none": (STACK_BASE, (("            _exit = cls.__exit__\n", "            _exit = cls.__exit__\n            given = _enter(cm)\n"), ("result = _enter(cm)", "result = given"))),
    "a manager that can be called is pushed as a function": (STACK, (("exit_method = _cb_type.__aexit__\n", "exit_method = (object if callable(exit) else _cb_type).__aexit__\n"),)),
    "what has a synchronous exit only is pushed as such": (STACK, (("self._push_exit_callback(exit, False)", "self._push_exit_callback(exit, False) if not hasattr(_cb_type, '__exit__') else self.push(exit)"),)),
    "a synchronous manager may be entered as an asynchronous one": (STACK, (("        cls = type(cm)\n", "        cls = type(cm)\n        if not hasattr(cls, '__aenter__') and hasattr(cls, '__enter__'):\n            return self.enter_context(cm)\n"),)),
    "a cancellation outlives the errors after it": (STACK, (("                exc = new_exc\n", "                exc = exc if 'Cancel' in type(exc).__name__ else new_exc\n"),)),
    "a group of one error leaves a stack as that error": (STACK, (("        if pending_raise:\n", "        if pending_raise:\n            exc = exc.exceptions[0] if len(getattr(exc, 'exceptions', ())) == 1 else exc\n"),)),
    "what is being handled outside cannot leave a stack": (STACK, (("        if pending_raise:\n", "        if pending_raise and exc is not frame_exc:\n"),)),
    "a context that is hidden on a stack is shown": (STACK, (("            new_exc.__context__ = old_exc\n", "            new_exc.__context__ = old_exc\n            new_exc.__suppress_context__ = False\n"),)),
    "a second exit that suppresses undoes the first": (STACK, (("suppressed_exc = True", "suppressed_exc = exc is not None"),)),
    "a stack can be closed by the task only that entered it": (STACK, (("    async def __aenter__(self):\n", "    async def __aenter__(self):\n        import asyncio\n        self.task = asyncio.current_task()\n"), ("        exc = exc_details[1]\n", "        exc = exc_details[1]\n        import asyncio\n        if asyncio.current_task() is not getattr(self, 'task', asyncio.current_task()):\n            raise RuntimeError('another task')\n"))),
    "pop_all makes a stack without calling its class": (STACK_BASE, (("new_stack = type(self)()", "new_stack = type(self).__new__(type(self))"),)),
    "an empty stack is false": (STACK, (("    async def aclose(self):\n", "    def __bool__(self):\n        return bool(self._exit_callbacks)\n\n    async def aclose(self):\n"),)),
    "a stack warns": (STACK_BASE, (("        self._exit_callbacks = deque()\n\n    def pop_all", "        import warnings\n        warnings.warn('nest the statements', DeprecationWarning, stacklevel=2)\n        self._exit_callbacks = deque()\n\n    def pop_all"),)),
    # The abstract class
    "an enter alone makes a manager": (ABSTRACT, (("'__aenter__', '__aexit__'", "'__aenter__'"),)),
    "an exit alone makes a manager": (ABSTRACT, (("'__aenter__', '__aexit__'", "'__aexit__'"),)),
    "subclasses look at the methods, too": (ABSTRACT, (("cls is AbstractAsyncContextManager", "issubclass(cls, AbstractAsyncContextManager)"),)),
    "methods set to None make a manager": (ABSTRACT, (("return _collections_abc._check_methods(C, '__aenter__', '__aexit__')", "return hasattr(C, '__aenter__') and hasattr(C, '__aexit__') or NotImplemented"),)),
    "what has no methods can never be registered": (ABSTRACT, (("return _collections_abc._check_methods(C, '__aenter__', '__aexit__')", "return _collections_abc._check_methods(C, '__aenter__', '__aexit__') is True"),)),
    "the abstract exit suppresses": (ABSTRACT, (("        return None", "        return True"),)),
    "the abstract class has instances": (ABSTRACT, (("    @abc.abstractmethod\n", ""),)),
    "the abstract class has no slots": (ABSTRACT, (("    __slots__ = ()\n", ""),)),
    "methods of the metaclass make a manager": (ABSTRACT, (("return _collections_abc._check_methods(C, '__aenter__', '__aexit__')", "return all(getattr(C, name, None) for name in ('__aenter__', '__aexit__')) or NotImplemented"),)),
}  # fmt: skip


def rewritten() -> Iterator[tuple[str, str]]:
    """Yield the name and the source of each faulty library that this Python can have."""
    tops = [(getattr(top, "name", ""), ast.unparse(top)) for top in ast.parse(inspect.getsource(contextlib)).body]
    for name, (owner, edits) in REWRITTEN.items():
        text = dict(tops)[owner] + "\n"
        if all(old in text for old, _ in edits):
            for old, new in edits:
                text = text.replace(old, new)
            yield name, "\n".join(text if top == owner else source for top, source in tops)
