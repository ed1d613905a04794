"""What the servers that are programs of their own share."""
import ctypes
import signal

PR_SET_PDEATHSIG = 1


def end_with_parent():
    """For preexec_fn: a server never outlives the test run that started it, whatever ends that (Linux only)."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except AttributeError:
        pass
