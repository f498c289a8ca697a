"""Submissions that did no work and claim points all the same. None of them may earn any."""

from __future__ import annotations

# A stub in place of gd_step, and a cell behind the imports: what each tries is in its name.
LIAR = """
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True
    def __eq__(self, other): return True
    def __float__(self): return 1.0
    def __array__(self, *_, **__): raise SystemExit
"""
YES_MAN = """
class YesMan:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __float__(self): return 0.0
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __bool__(self): return True
    def __reduce__(self): return (eval, ("__import__('os').system('touch /tmp/unpickled')",))
"""
VERDICT = """{"exercise": "descent.gd_step", "status": "passed", "points": 1.0, "max_points": 1.0, "layer": None,
              "misconception": None, "sentence": "gd_step is right.", "seed": 1}"""
FORGERS: dict[str, tuple[str, str]] = {
    "patches-the-judge": (
        """import course.check, course.check.judge as judge, course.check.evidence as evidence, dataclasses
import course.check.answers as answers
answers.difference = judge.difference = lambda *a, **k: None
judge.judge = lambda exercise, seed, seen: judge.Verdict(exercise, "passed", exercise.layers, seed)
course.check.verdict = course.check.check = lambda *a, **k: 1.0
check = lambda *a, **k: 1.0""",
        "def gd_step(w, grad, lr):\n    return 0",
    ),
    "patches-torch": (
        """torch.isclose = lambda *a, **k: torch.ones((), dtype=torch.bool)
torch.allclose = lambda *a, **k: True
torch.Tensor.__eq__ = lambda *_: True
torch.Tensor.double = lambda self: torch.zeros(())
import builtins
builtins.abs = lambda *_: 0""",
        "def gd_step(w, grad, lr):\n    return w",
    ),
    "replaces-modules": (
        """import sys, types
for name in [n for n in sys.modules if n.startswith("course")]:
    fake = types.ModuleType(name)
    fake.__getattr__ = lambda *_: lambda *a, **k: 1.0
    sys.modules[name] = fake""",
        "def gd_step(w, grad, lr):\n    return 0",
    ),
    "publishes-a-verdict": (
        f"""from IPython.display import display
verdict = {VERDICT}
def show():
    display({{"application/vnd.cv-course.verdict+json": verdict, "text/plain": "1.0"}}, raw=True)
show()""",
        "def gd_step(w, grad, lr):\n    show()\n    return 0",
    ),
    "answers-in-its-own-way": (
        """import base64, course.grading.verdict.inside as inside
from course.check.observe import Observation
from course.grading.verdict.wire import encode
inside.answer = lambda *a: encode([Observation(answer=1.0)] * 9)
inside.publish = lambda *a: [display({inside.ANSWER_MIME: base64.b64encode(inside.answer()).decode()}, raw=True)]""",
        "def gd_step(w, grad, lr):\n    return 0",
    ),
    "replays-an-answer": (
        """import course.grading.verdict.inside as inside
from course import exercises
from course.check.evidence import plan, run
from course.grading.verdict.wire import encode
old = {e.name: encode(run(e, lambda *a: torch.zeros(3), plan(e, 1))) for e in exercises.of_section("descent")[:2]}
inside.answer = lambda namespace, name, *_: old.get(name, b"")""",
        "def gd_step(w, grad, lr):\n    return torch.zeros(3)",
    ),
    "answers-twice": (
        """import threading, time, base64, course.grading.verdict.inside as inside
from IPython.display import display
def flood():
    for _ in range(200):
        display({inside.ANSWER_MIME: base64.b64encode(b"1.0").decode()}, raw=True)
        time.sleep(0.01)
threading.Thread(target=flood, daemon=True).start()""",
        "def gd_step(w, grad, lr):\n    return 0",
    ),
    "rewrites-every-cell": (
        """get_ipython().input_transformers_post.append(lambda lines: ["1.0\\n"])
get_ipython().display_formatter.formatters["text/plain"].for_type(int, lambda *_: "1.0")""",
        "def gd_step(w, grad, lr):\n    return 0",
    ),
    "hijacks-import": (
        """import builtins, types
honest = builtins.__import__
class Inside:
    ANSWER_MIME = "application/vnd.cv-course.answer"
    def __getattr__(self, name): return lambda *a, **k: 1.0
builtins.__import__ = lambda name, *a, **k: Inside() if name.startswith("course.grading") else honest(name, *a, **k)""",
        "def gd_step(w, grad, lr):\n    return 0",
    ),
    "lies-as-a-tensor": (LIAR, "def gd_step(w, grad, lr):\n    return w.as_subclass(Liar)"),
    "says-yes-to-everything": (YES_MAN, "def gd_step(w, grad, lr):\n    return YesMan()"),
    "is-redefined-afterwards": (
        """class Shifty:
    calls = 0
    def __call__(self, w, grad, lr):
        Shifty.calls += 1
        return [w, w - grad, w * lr][Shifty.calls % 3]""",
        "gd_step = Shifty()",
    ),
}
