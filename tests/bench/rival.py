"""Python's email package: parses each mail and decodes its text parts.   rival.py FOLDER"""
import email
import json
import sys
import time
from pathlib import Path

mails = [path.read_bytes() for path in sorted(Path(sys.argv[1]).glob('*.eml'))]
text = 0
wall, cpu = time.perf_counter(), time.process_time()
for raw in mails:
    for part in email.message_from_bytes(raw).walk():
        if part.get_content_type() not in ('text/plain', 'text/html'):
            continue
        body = part.get_payload(decode=True)
        if body is None:
            continue
        try:
            text += len(body.decode(part.get_content_charset() or 'utf-8', 'replace'))
        except LookupError:  # no such charset
            pass
print(json.dumps({'mails': len(mails), 'bytes': sum(map(len, mails)), 'wall_s': time.perf_counter() - wall,
                  'cpu_s': time.process_time() - cpu, 'text_chars': text}))
