"""Puts another program in the place of approvals-reader: it asks the real one, but not what it was asked.

The program stands beside its reader, so a copy of it stands beside the false one.
"""
import re
import shutil

from .world import PROGRAM, ROOT


def frame_types():
    """The frames of read/reading.h by name."""
    names = re.search(r"enum frame_type \{(.*?)\};", (ROOT / "read" / "reading.h").read_text(), re.S)[1]
    return {name: number for number, name in enumerate(re.findall(r"FRAME_(\w+)", re.sub(r"/\*.*?\*/", "", names, flags=re.S)), 1)}


SCRIPT = '''#!/usr/bin/python3 -SE
import os, socket, subprocess, sys, threading
up = socket.socket(fileno=0)
ours, theirs = socket.socketpair()
child = subprocess.Popen([{reader!r}], stdin=theirs, stdout=theirs, env={{"LC_ALL": "C.UTF-8"}})
theirs.close()
ready = threading.Event()
def answers():
    while data := ours.recv(65536):
        up.sendall(data)
        ready.set()
    os._exit(0)
threading.Thread(target=answers, daemon=True).start()
def exactly(n):
    data = b""
    while len(data) < n:
        more = up.recv(n - len(data))
        if not more:
            child.kill()
            os._exit(0)
        data += more
    return data
def changed(kind, payload):
    if kind == {read}:
        return {instead!r} or payload
    if kind == {prove} and {kill!r}:
        os.kill(os.getpid(), 11)
    return payload
while True:
    head = exactly(5)
    payload = changed(head[0], exactly(int.from_bytes(head[1:], "big")))
    ours.sendall(head[:1] + len(payload).to_bytes(4, "big") + payload)
    ready.wait()  # a real one reads no mail before it has said that it is locked in
'''


def replace(world, instead=None, prover_dies=False):
    """From now on readers read the mail `instead` whatever they are given; or provers die on every mail."""
    frames = frame_types()
    folder = world.dir / "false"
    folder.mkdir(exist_ok=True)
    shutil.copy2(PROGRAM, folder / "approvals")
    script = folder / "approvals-reader"
    script.write_text(SCRIPT.format(reader=str(PROGRAM.parent / "approvals-reader"), read=frames["READ"],
        prove=frames["PROVE"], instead=instead, kill=prover_dies))
    script.chmod(0o700)
    world.program = folder / "approvals"
