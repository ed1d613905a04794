"""What a pass over a mailbox costs, beside the wire and beside others (make bench-mailbox; nothing is asserted).

The mailboxes, the raw client and the rivals are those of ../shared/bench; what of them is not there is said and left
out. Rounds are interleaved, figures are medians. `wall` is what a user waits; `cpu` is ours with all children, in
seconds, which other work on the machine disturbs less. Each of our passes is checked against what the generator wrote
down. ROUNDS, MAILS (10000) and IDLE_MAILS (50000) in the environment change the size.
"""
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
sys.path.insert(0, str(TREE / 'tests'))

from servers import names  # noqa: E402

BUILD = (TREE / os.environ.get('BUILD', 'build')).resolve()
SHARED = TREE.parent / 'shared' / 'bench'
WORK = Path(os.environ.setdefault('BENCH_WORK', '/tmp/approvals-bench'))
PORT, TLS_PORT = (os.environ.setdefault(*pair) for pair in (('BENCH_PORT', '10143'), ('BENCH_TLS_PORT', '10993')))
PASSWORD = os.environ.setdefault('BENCH_PASS', 'benchpass')
ROUNDS, MAILS, IDLE_MAILS = (int(os.environ.get(*pair)) for pair in (('ROUNDS', 5), ('MAILS', 10000), ('IDLE_MAILS', 50000)))
APPROVALS, LOGIN, RAW = BUILD / 'approvals', BUILD / 'bench' / 'login', WORK / 'bin' / 'rawfetch'
LIMIT_TIMES, RIVAL_TIMES, PSS_MIB, LOGIN_TIMES = 2.0, 5, 48, 1.5  # the bars
FIELDS = ('orgno', 'merchant_name', 'msn', 'sales_unit_name')
RIVALS = {f'{name} (Node, two steps)': ['node', str(SHARED / 'peers' / 'node_peer.js'), kind, '{user}', '{db}', 'tls', 'smart']
          for name, kind in (('postal-mime', 'postal'), ('mailparser', 'mailparser'))}

CONFIG = '''database: {folder}/bench.db
network: {{ca_file: {ca}, dns: ["{dns}"]}}
mailboxes:
  - {{name: bench, url: "imaps://127.0.0.1:{port}", user: {user}, password_file: {folder}/password,
     authserv: in0.example.org}}
sender: {{domains: [vippsmobilepay.example]}}
rules: [{tree}/rules/vipps-mobilepay.yaml]
management_api: none
'''


def user_of(mails):
    return f'bench{mails // 1000}k'


def prepare():
    """Mailboxes, raw client and server; why not, if they cannot be had."""
    if not (SHARED / 'rawfetch.c').exists():
        return f'{SHARED} is not there'
    if not shutil.which('dovecot'):
        return 'dovecot is not installed'
    RAW.parent.mkdir(parents=True, exist_ok=True)
    if not RAW.exists():
        subprocess.run(['gcc', '-O2', '-w', '-o', RAW, SHARED / 'rawfetch.c', '-lssl', '-lcrypto'], check=True)
    subprocess.run([SHARED / 'mkcorpus.sh', str(MAILS), str(IDLE_MAILS)], check=True, stdout=subprocess.DEVNULL)
    return None


class Dovecot:
    """The harness's own, which is left as it was found."""

    def _do(self, *words):
        return subprocess.run([SHARED / 'dovecot.sh', *words], stdout=subprocess.DEVNULL, check=False).returncode

    def __enter__(self):
        self.ours = self._do('status') != 0
        if self.ours and self._do('start') != 0:
            sys.exit('dovecot did not start')
        for user in {user_of(MAILS), user_of(IDLE_MAILS)}:  # the first look makes its indexes, and is never timed
            for mode in ('body', 'hdrfields', 'smart'):
                raw(user, mode, 'plain')
        return self

    def __exit__(self, *exc):
        if self.ours:
            self._do('stop')


def raw(user, mode, transport='tls'):
    """Seconds that the wire takes for it, without connecting."""
    port = TLS_PORT if transport == 'tls' else PORT
    done = subprocess.run([RAW, '127.0.0.1', port, user, PASSWORD, transport, mode], capture_output=True, text=True, check=True)
    words = dict(word.split('=', 1) for word in done.stdout.split() if '=' in word)
    return float(words['wall'])


def timed(command, **options):
    """Wall and CPU seconds of a process and its children, and its status."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, **options)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done


class Ours:
    def __init__(self, folder, dns, user, ca):
        self.folder, self.user = folder, user
        folder.mkdir()
        (folder / 'password').write_text(PASSWORD)
        (folder / 'password').chmod(0o600)
        (folder / 'approvals.yaml').write_text(CONFIG.format(folder=folder, dns=dns, user=user, ca=ca, port=TLS_PORT, tree=TREE))
        self.command = [APPROVALS, '-c', folder / 'approvals.yaml', 'ingest']

    def forget(self):
        for path in self.folder.glob('bench.db*'):
            path.unlink()

    def run(self):
        wall, cpu, done = timed(self.command)
        if done.returncode not in (0, 3):  # 3: something waits for a person, which is so
            sys.exit(f'approvals ended with {done.returncode}: {done.stderr[-500:]}')
        return wall, cpu

    def pss(self):
        """
        The most that all our processes had at one time, in MiB: the sum of their proportional shares. A child that
        has not yet become another program has its parent's memory, and the same words about it: they count once.
        """
        process, most = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0
        while process.poll() is None:
            most = max(most, sum(pss_in(said) for said in {rollup(pid) for pid in family(process.pid)}))
            time.sleep(0.005)
        return most / 1024


def family(pid):
    try:
        children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def rollup(pid):
    try:
        return Path(f'/proc/{pid}/smaps_rollup').read_text()
    except OSError:
        return ''


def pss_in(said):
    return next((int(line.split()[1]) for line in said.splitlines() if line.startswith('Pss:')), 0)


def plain(text, field):
    if field == 'orgno':  # Finnish ones are written with a hyphen, or without
        return text.replace('-', '')
    return ' '.join(unicodedata.normalize('NFC', text.replace('\u00a0', ' ')).split())


def check(folder, user):
    """How many approvals of the truth were found, how many of them with all four facts, and what was found besides."""
    lines = (WORK / 'truth' / f'{user}.jsonl').read_text(encoding='utf-8').splitlines()
    truth = {one['message_id']: one for one in map(json.loads, lines) if one['approval']}
    with sqlite3.connect(folder / 'bench.db') as db:
        rows = db.execute('SELECT s.message_id, c.org_number, c.merchant_name, c.msn, c.sales_unit_name FROM claim AS c '
                          'JOIN message AS s ON s.mail_id = c.mail_id').fetchall()
    found = {row[0]: row[1:] for row in rows}
    right = sum(1 for key, values in found.items() if key in truth and
                all(plain(value or '', field) == plain(truth[key][field], field) for field, value in zip(FIELDS, values)))
    return {'approvals': len(truth), 'found': len(found.keys() & truth.keys()), 'right': right,
            'else': len(rows) - len(found.keys() & truth.keys())}


def rivals():
    """Those that can run here."""
    os.environ.setdefault('NODE_PATH', str(WORK / 'node' / 'node_modules'))
    able = {}
    for name, command in RIVALS.items():
        if not (WORK / 'node' / 'node_modules' / 'imapflow').exists() or not shutil.which('node'):
            print(f'not run: {name}: ../shared/bench/setup.sh installs it')
        else:
            able[name] = command
    return able


def row(name, runs, limit=None):
    walls = sorted(run[0] for run in runs)
    cpus = [run[1] for run in runs if run[1] is not None]
    print(f'{name:34} {statistics.median(walls):8.3f} {f"{walls[0]:.3f}-{walls[-1]:.3f}":>15} '
          f'{f"{statistics.median(cpus):7.2f}" if cpus else "":>7} '
          f'{f"{statistics.median(walls) / limit:8.2f}" if limit else "":>8}')
    return statistics.median(walls)


def head(what, last):
    print(f'\n{what}; {ROUNDS} rounds, medians, load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores')
    print(f'{"":34} {"wall s":>8} {"min-max":>15} {"cpu s":>7} {last:>8}')


def bar(what, value, limit, most=True):
    print(f'bar, {what}: {value:.2f} ({"at most" if most else "at least"} {limit}): '
          f'{"met" if (value <= limit if most else value >= limit) else "NOT met"}')


def whole(folder, dns):
    """A first pass over a mailbox of which three in ten are approvals."""
    user, able = user_of(MAILS), rivals()
    ours = Ours(folder / 'whole', dns, user, WORK / 'dovecot' / 'cert.pem')
    runs = {name: [] for name in ('the wire, two steps', 'ours, ingest', *able)}
    for _ in range(ROUNDS):
        runs['the wire, two steps'].append((raw(user, 'smart'), None))
        ours.forget()
        runs['ours, ingest'].append(ours.run())
        for name, command in able.items():
            (folder / 'rival.db').unlink(missing_ok=True)
            wall, cpu, done = timed([word.format(user=user, db=folder / 'rival.db') for word in command])
            if done.returncode != 0:
                sys.exit(f'{name}: {done.stderr[-500:]}')
            runs[name].append((wall, cpu))
    told = check(ours.folder, user)
    ours.forget()
    pss = ours.pss()
    head(f'a first pass over {MAILS} mails', 'x wire')
    limit = statistics.median(run[0] for run in runs['the wire, two steps'])
    walls = {name: row(name, each, limit) for name, each in runs.items()}
    print(f'ours: of {told["approvals"]} approvals {told["found"]} found, {told["right"]} with all four facts, '
          f'{told["else"]} claims besides')
    bar('times the wire', walls['ours, ingest'] / limit, LIMIT_TIMES)
    if able:
        bar('times faster than the best rival', min(walls[name] for name in able) / walls['ours, ingest'], RIVAL_TIMES, most=False)
    bar('MiB of Pss, all processes', pss, PSS_MIB)


def nothing_new(folder, dns):
    """A pass that finds nothing, with one certificate to trust and with those of the system."""
    user, bundle = user_of(IDLE_MAILS), folder / 'bundle.pem'
    system = Path('/etc/ssl/certs/ca-certificates.crt')
    one = WORK / 'dovecot' / 'cert.pem'
    bundle.write_bytes((system.read_bytes() if system.exists() else b'') + one.read_bytes())
    for what, ca in (('one certificate', one), ("the system's certificates", bundle)):
        ours = Ours(folder / f'idle-{ca.stem}', dns, user, ca)
        if ca == one:
            ours.run()
            database = ours.folder / 'bench.db'
        else:
            shutil.copy(database, ours.folder / 'bench.db')
        login = [LOGIN, f'imaps://127.0.0.1:{TLS_PORT}', user, ours.folder / 'password', ca]
        runs = {'log in, EXAMINE, leave': [], 'ours, ingest': []}
        for _ in range(4 * ROUNDS):  # each is short
            wall, cpu, done = timed(login)
            if done.returncode != 0:
                sys.exit(done.stderr)
            runs['log in, EXAMINE, leave'].append((wall, cpu))
            runs['ours, ingest'].append(ours.run())
        head(f'nothing new in {IDLE_MAILS} mails, {what}', 'x login')
        least = statistics.median(run[0] for run in runs['log in, EXAMINE, leave'])
        walls = {name: row(name, each, least) for name, each in runs.items()}
        bar('times a login', walls['ours, ingest'] / least, LOGIN_TIMES)


def main():
    why = prepare()
    if why:
        print(f'skipped, bench-mailbox: {why}')
        return
    with Dovecot(), names.Names() as dns, tempfile.TemporaryDirectory() as folder:
        whole(Path(folder), dns.address)
        nothing_new(Path(folder), dns.address)


if __name__ == '__main__':
    main()
