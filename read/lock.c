/*
 * lock - see lock.h
 *
 * A forbidden system call kills the process (SIGSYS), with one exception: opening a file only fails.
 * GMime asks iconv for whatever charset a mail names, and libc then looks for a converter; such a
 * mail is to be read with a doubt, not to end its reader.
 */
#include "read/lock.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/span.h"

#if defined(__SANITIZE_ADDRESS__)
#define LOCK_PARTIAL 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOCK_PARTIAL 1
#endif
#endif
#ifndef LOCK_PARTIAL
#define LOCK_PARTIAL 0
#endif

/* Memory, time, and the end; all that touches nothing outside the process. */
static const int allowed[] = {
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sysinfo),	/* sysinfo: qsort() asks it for the memory */
	SCMP_SYS(rt_sigprocmask),				/* abort(), which then ends with SIGABRT */
};

/* What looks for a file; it is told that it may not. */
static const int refused[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(stat), SCMP_SYS(newfstatat),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(faccessat),
};

bool
lock_is_partial(void)
{
	return LOCK_PARTIAL;
}

static int
limit(int resource, const char *name, rlim_t most, struct err *e)
{
	const struct rlimit l = {most, most};

	if (setrlimit((__rlimit_resource_t)resource, &l) == 0)
		return 0;
	return err_set(e, ERR_FATAL, "cannot lower %s: %s", name, strerror(errno));
}

static int
control(int option, unsigned long value, const char *name, struct err *e)
{
	if (prctl(option, value, 0L, 0L, 0L) == 0)
		return 0;
	return err_set(e, ERR_FATAL, "cannot set %s: %s", name, strerror(errno));
}

/* Each returns 0 or a negative errno, as libseccomp does. */
static int
filter_add(scmp_filter_ctx f)
{
	int rc = 0;

	for (size_t i = 0; i < COUNT(allowed) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < COUNT(refused) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(read), 1,
		    SCMP_A0(SCMP_CMP_EQ, STDIN_FILENO, 0));
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && rc == 0; fd++) {
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd, 0));
		if (rc == 0)	/* the last words of libc */
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1,
			    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd, 0));
	}
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)	/* abort() to itself; no signal to anyone else */
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0), SCMP_A2(SCMP_CMP_EQ, SIGABRT, 0));
	return rc;
}

static int
filter_load(struct err *e)
{
	scmp_filter_ctx	f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int		rc = -ENOMEM;

	if (f == NULL)
		goto out;
	rc = filter_add(f);
	if (rc == 0)
		rc = seccomp_load(f);
out:
	seccomp_release(f);
	if (rc == 0)
		return 0;
	return err_set(e, ERR_FATAL, "no sandbox (seccomp): %s", strerror(-rc));
}

int
lock_enter(struct err *e)
{
	if (control(PR_SET_PDEATHSIG, SIGKILL, "the signal at our parent's death", e) < 0 ||
	    control(PR_SET_NO_NEW_PRIVS, 1, "no-new-privileges", e) < 0 ||
	    limit(RLIMIT_CORE, "the core size", 0, e) < 0)
		return -1;
	/*
	 * NOT under AddressSanitizer, which reserves terabytes of address space, reads /proc and lets
	 * LeakSanitizer trace the process at its end: no seccomp, no RLIMIT_AS, no RLIMIT_NOFILE, and
	 * the process stays dumpable. The tests of these run in the plain build.
	 */
	if (lock_is_partial())
		return 0;
	if (control(PR_SET_DUMPABLE, 0, "not dumpable", e) < 0 ||
	    limit(RLIMIT_AS, "the memory limit", LOCK_MAX_MEMORY, e) < 0 ||
	    limit(RLIMIT_NOFILE, "the number of files", 0, e) < 0)
		return -1;
	return filter_load(e);
}
