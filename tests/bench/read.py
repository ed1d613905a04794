"""How fast mails are read, beside what else parses mail (make bench-read; nothing is asserted).

Each program parses the same mailbox from memory, pinned to one core; rounds are interleaved, figures are medians.
Seconds are CPU seconds of the program and its children on that core, so that other work on the machine counts
little; the wall clock is shown beside them. Two mailboxes: one as an account has it, three mails in ten of them
approvals, and one of approvals alone. MAILS and ROUNDS in the environment change the size.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
BUILD = (TREE / os.environ.get('BUILD', 'build')).resolve()
GENERATOR = TREE.parent / 'shared' / 'bench' / 'genmail.py'
MAILS = int(os.environ.get('MAILS', 3000))
ROUNDS = int(os.environ.get('ROUNDS', 5))
CORE = str(max(os.sched_getaffinity(0)))
YARDSTICK_SHARE, RIVAL_TIMES = 0.5, 5  # the bar: of GMime's speed, and times the fastest rival's
RULES = str(TREE / 'rules' / 'vipps-mobilepay.yaml')
CHILDREN, READER = str(BUILD / 'bench' / 'children'), str(BUILD / 'approvals-reader')

PASS, READ, GMIME = 'ours, as a pass does', 'ours, every mail read', 'GMime alone'
OURS = {PASS: [CHILDREN, 'pass', RULES, READER], READ: [CHILDREN, 'read', RULES, READER]}
YARDSTICKS = {GMIME: [str(BUILD / 'bench' / 'gmime')]}
# Another parser in C, and of a script language; shown if it is there, and no rival of the bar.
BESIDE = {'mailparse (PHP, C)': ['php', str(HERE / 'rival.php')]}
RIVALS = {
    'email (Python)': [sys.executable, str(HERE / 'rival.py')],
    'mailparser (Node)': ['node', str(HERE / 'rival.mjs'), 'mailparser'],
    'postal-mime (Node)': ['node', str(HERE / 'rival.mjs'), 'postal-mime'],
    'MIME-tools (Perl)': ['perl', str(HERE / 'rival.pl')],
}


def mails_write(folder, mails):
    """As IMAP delivers them: lines end in CRLF."""
    folder.mkdir(parents=True)
    for i, raw in enumerate(mails):
        (folder / f'{i:06}.eml').write_bytes(raw.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n'))


def mailbox(name, share):
    """A folder of MAILS mails, made once."""
    folder = BUILD / 'bench' / f'{name}-{MAILS}'
    if folder.exists():
        return folder
    new = folder.with_suffix('.new')
    shutil.rmtree(new, ignore_errors=True)
    if GENERATOR.exists():
        made = new.with_suffix('.maildir')
        shutil.rmtree(made, ignore_errors=True)
        subprocess.run([sys.executable, GENERATOR, '--out', made, '-n', str(MAILS), '--approvals', str(share)],
                       check=True, stdout=subprocess.DEVNULL)
        mails_write(new, (path.read_bytes() for path in sorted((made / 'cur').iterdir())))
        shutil.rmtree(made)
    else:
        pattern = 'approval-*.eml' if share == 1 else '*.eml'
        samples = [path.read_bytes() for path in sorted((TREE / 'samples' / 'mail').glob(pattern))]
        print(f'no {GENERATOR}: {len(samples)} samples, again and again', file=sys.stderr)
        mails_write(new, (samples[i % len(samples)] for i in range(MAILS)))
    new.rename(folder)
    return folder


def run(command, folder):
    """One run's result, or None and why there is none."""
    try:
        done = subprocess.run(['taskset', '-c', CORE, *command, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout), ''
        said = done.stderr.strip().splitlines()
        return None, said[0][:160] if said else f'status {done.returncode}'
    except (OSError, ValueError) as error:
        return None, str(error)


def measure(folder):
    """All programs in turn, ROUNDS times, after one round that warms the cache and drops what cannot run."""
    programs, results = {**OURS, **YARDSTICKS, **BESIDE, **RIVALS}, {}
    for name, command in list(programs.items()):
        result, why = run(command, folder)
        if result is None:
            print(f'not run: {name}: {why}')
            del programs[name]
        else:
            results[name] = []
    for _ in range(ROUNDS):
        for name, command in programs.items():
            result, why = run(command, folder)
            if result is None:
                sys.exit(f'{name}: {why}')
            results[name].append(result)
    return results


def speed(runs):
    return runs[0]['mails'] / statistics.median(run['cpu_s'] for run in runs)


def table(results):
    yardstick = speed(results[GMIME])
    rival = max((speed(runs) for name, runs in results.items() if name in RIVALS), default=None)
    print(f'{"":22} {"mails/s":>8} {"min-max":>15} {"MB/s":>7} {"wall s":>7} {"x GMime":>8} {"x rival":>8}')
    for name, runs in sorted(results.items(), key=lambda item: -speed(item[1])):
        mails, each = runs[0]['mails'], sorted(run['cpu_s'] for run in runs)
        print(f'{name:22} {speed(runs):8.0f} {f"{mails / each[-1]:.0f}-{mails / each[0]:.0f}":>15} '
              f'{runs[0]["bytes"] / 1e6 * speed(runs) / mails:7.1f} '
              f'{statistics.median(run["wall_s"] for run in runs):7.3f} '
              f'{speed(runs) / yardstick:8.2f} {f"{speed(runs) / rival:8.2f}" if rival else "":>8}')
    for name in OURS:
        told = results[name][0]
        print(f'{name}: read {told["read"]}, claims {told["claims"]}, verdict approval {told["approvals"]}, '
              f'suspicious {told["held"]}, rejected {told["failed"]}')
    for name in OURS:
        share = speed(results[name]) / yardstick
        print(f'bar, {name}: {share:.2f} of GMime (at least {YARDSTICK_SHARE}): '
              f'{"met" if share >= YARDSTICK_SHARE else "NOT met"}', end='')
        if rival:
            times = speed(results[name]) / rival
            print(f'; {times:.1f} times the fastest rival (at least {RIVAL_TIMES}): '
                  f'{"met" if times >= RIVAL_TIMES else "NOT met"}', end='')
        print()


def split(folder):
    """Where our time goes, in one process without frames and lock; html is what it takes besides Gumbo."""
    runs = [run([CHILDREN, 'split', RULES], folder)[0] for _ in range(ROUNDS)]
    stages = {stage: statistics.median(one[stage] for one in runs)
              for stage in ('prove', 'screen', 'decode', 'gumbo', 'html', 'rules', 'wire')}
    whole = sum(stages.values())
    print('split, every mail: ' + ', '.join(f'{stage} {seconds / runs[0]["mails"] * 1e6:.0f} us ({seconds / whole:.0%})'
                                            for stage, seconds in stages.items()))


def main():
    for name, share, what in (('mailbox', 0.3, 'a mailbox, three in ten approvals'), ('approvals', 1, 'approvals alone')):
        folder = mailbox(name, share)
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f'\n{what}: {MAILS} mails, {size / 1e6:.1f} MB; core {CORE}, {ROUNDS} rounds, CPU seconds, medians')
        table(measure(folder))
        split(folder)


if __name__ == '__main__':
    main()
