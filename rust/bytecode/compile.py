# Makes byte code: reads `source TAB target TAB name` a line, answers each with a line: `1`, or `0` if the source
# is no Python of this version. Run with -I -S -B by the environment's own interpreter.
import importlib.machinery
import importlib.util
import marshal
import os
import sys
import warnings

if "--idle" in sys.argv:
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        os.nice(19)
warnings.simplefilter("ignore")
sys.setrecursionlimit(5000)


def byte_code(source, name):
    """The content of a .pyc that is checked by time and size (PEP 552), and imported as if made in place."""
    with open(source, "rb") as file:
        text = file.read()
        mtime = int(os.fstat(file.fileno()).st_mtime)
    code = importlib.machinery.SourceFileLoader("module", name).source_to_code(text, name)
    stamp = (0, mtime & 0xFFFFFFFF, len(text) & 0xFFFFFFFF)
    header = b"".join(number.to_bytes(4, "little") for number in stamp)
    return importlib.util.MAGIC_NUMBER + header + marshal.dumps(code)


for line in sys.stdin:
    source, target, name = line.rstrip("\n").split("\t")
    try:
        content = byte_code(source, name)
    except Exception:
        # Templates, tests of parsers, Python 2: any tree has some, and nobody imports them.
        answer = "0"
    else:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as file:
            file.write(content)
        answer = "1"
    print(answer, flush=True)
