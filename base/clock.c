#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define CLOCK_MAX_SPAN_MS (INT64_C(36500) * CLOCK_DAY)	/* a hundred years: sums cannot overflow */

static const char month_names[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
    "Sep", "Oct", "Nov", "Dec"};

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_now_ms(void)
{
	return clock_read(CLOCK_REALTIME);
}

int64_t
clock_mono_ms(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* Floor division, so that times before 1970 come out right. */
static struct tm
clock_split(int64_t ms, int *rest_ms)
{
	time_t		t = (time_t)(ms / 1000);
	struct tm	tm = {0};

	*rest_ms = (int)(ms % 1000);
	if (*rest_ms < 0) {
		*rest_ms += 1000;
		t--;
	}
	gmtime_r(&t, &tm);
	return tm;
}

int
clock_year(int64_t ms)
{
	int		rest;
	struct tm	tm = clock_split(ms, &rest);

	return tm.tm_year + 1900;
}

/* The bounds of struct tm, so that the compiler can see that the text fits. */
#define TWO(n)	((unsigned)(n) % 100)
#define FOUR(n)	((unsigned)(n) % 10000)

struct clock_text
clock_iso(int64_t ms)
{
	struct clock_text	t;
	int			rest;
	struct tm		tm = clock_split(ms, &rest);

	snprintf(t.s, sizeof(t.s), "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	    FOUR(tm.tm_year + 1900), TWO(tm.tm_mon + 1), TWO(tm.tm_mday), TWO(tm.tm_hour),
	    TWO(tm.tm_min), TWO(tm.tm_sec), (unsigned)rest % 1000);
	return t;
}

struct clock_text
clock_mail(int64_t ms)
{
	static const char	days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	struct clock_text	t;
	int			rest;
	struct tm		tm = clock_split(ms, &rest);

	snprintf(t.s, sizeof(t.s), "%.3s, %02u %.3s %04u %02u:%02u:%02u +0000",
	    days[tm.tm_wday], TWO(tm.tm_mday), month_names[tm.tm_mon], FOUR(tm.tm_year + 1900),
	    TWO(tm.tm_hour), TWO(tm.tm_min), TWO(tm.tm_sec));
	return t;
}

int
clock_civil(int year, int month, int day, int hour, int minute, int second, int offset_min,
    int64_t *ms)
{
	static const int	days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool			leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t			era_day, y = year;

	if (year < 1900 || year > 9999 || month < 1 || month > 12 || day < 1 ||
	    day > days[month - 1] + (month == 2 && leap) || hour < 0 || hour > 23 || minute < 0 ||
	    minute > 59 || second < 0 || second > 60 || offset_min < -1439 || offset_min > 1439)
		return -1;
	/* Days since 1970-01-01, in years that begin in March: the leap day is their last. */
	y -= month <= 2;
	era_day = y * 365 + y / 4 - y / 100 + y / 400;
	era_day += (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	*ms = (era_day - 719468) * CLOCK_DAY + hour * CLOCK_HOUR + minute * CLOCK_MINUTE +
	    (second == 60 ? 59 : second) * CLOCK_SECOND - offset_min * CLOCK_MINUTE;
	return 0;
}

/* Exactly `digits` digits off the front of *s, or -1. */
static int
take_number(struct span *s, size_t digits)
{
	int n = 0;

	if (digits == 0 || digits > 9 || !span_digits(span_take(*s, digits)) || s->n < digits)
		return -1;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (s->p[i] - '0');
	*s = span_from(*s, digits);
	return n;
}

static bool
take_byte(struct span *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* "Z", "+01:00" or nothing at all; minutes east of UTC. */
static bool
take_iso_offset(struct span *s, int *minutes)
{
	int sign = 1, h, m;

	*minutes = 0;
	if (s->n == 0 || take_byte(s, 'Z') || take_byte(s, 'z'))
		return true;
	if (take_byte(s, '-'))
		sign = -1;
	else if (!take_byte(s, '+'))
		return false;
	h = take_number(s, 2);
	if (h < 0 || h > 23 || !take_byte(s, ':') || (m = take_number(s, 2)) < 0 || m > 59)
		return false;
	*minutes = sign * (h * 60 + m);
	return true;
}

/* Fraction of a second in ms; digits past the third are dropped. */
static bool
take_fraction(struct span *s, int *ms)
{
	int digit, scale = 100;

	*ms = 0;
	if (!take_byte(s, '.'))
		return true;
	if (s->n == 0 || s->p[0] < '0' || s->p[0] > '9')
		return false;
	for (; (digit = take_number(s, 1)) >= 0; scale /= 10)
		*ms += digit * scale;
	return true;
}

static bool
parse_iso(struct span s, int64_t *ms)
{
	int y, mo, d, h = 0, mi = 0, sec = 0, frac = 0, off = 0;

	if ((y = take_number(&s, 4)) < 0 || !take_byte(&s, '-') || (mo = take_number(&s, 2)) < 0 ||
	    !take_byte(&s, '-') || (d = take_number(&s, 2)) < 0)
		return false;
	if (take_byte(&s, 'T') || take_byte(&s, 't') || take_byte(&s, ' ')) {
		if ((h = take_number(&s, 2)) < 0 || !take_byte(&s, ':') ||
		    (mi = take_number(&s, 2)) < 0)
			return false;
		if (take_byte(&s, ':') &&
		    ((sec = take_number(&s, 2)) < 0 || !take_fraction(&s, &frac)))
			return false;
		if (!take_iso_offset(&s, &off))
			return false;
	}
	if (s.n > 0 || clock_civil(y, mo, d, h, mi, sec, off, ms) == -1)
		return false;
	*ms += frac;
	return true;
}

int
clock_parse(struct span s, int64_t *ms, struct err *e)
{
	if (parse_iso(s, ms))
		return 0;
	return err_set(e, ERR_REJECT, "\"%.*s\" is no date like 2026-01-31 or 2026-01-31T09:30:00Z",
	    (int)(s.n < 40 ? s.n : 40), s.n > 0 ? s.p : "");
}

/* ---- RFC 5322 3.3 */

/* White space and comments, which nest and hold quoted pairs. False: a comment without an end. */
static bool
skip_cfws(struct span *s)
{
	int depth = 0;

	for (; s->n > 0; *s = span_from(*s, 1)) {
		char c = s->p[0];

		if (c == '(')
			depth++;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth > 0 && c == '\\' && s->n > 1)
			*s = span_from(*s, 1);
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			break;
	}
	return depth == 0;
}

/* A run of digits within bounds, with white space around it; -1 if there is none. */
static int
mail_number(struct span *s, size_t min, size_t max, size_t *digits)
{
	size_t	n = 0;
	int	value;

	if (!skip_cfws(s))
		return -1;
	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
		n++;
	if (n < min || n > max)
		return -1;
	value = take_number(s, n);
	if (digits != NULL)
		*digits = n;
	return skip_cfws(s) ? value : -1;
}

static struct span
mail_word(struct span *s)
{
	struct span	word;
	size_t		n = 0;

	skip_cfws(s);
	while (n < s->n && ((s->p[n] | 0x20) >= 'a' && (s->p[n] | 0x20) <= 'z'))
		n++;
	word = span_take(*s, n);
	*s = span_from(*s, n);
	skip_cfws(s);
	return word;
}

static int
mail_month(struct span word)
{
	for (size_t i = 0; i < COUNT(month_names); i++)
		if (span_is_nocase(word, month_names[i]))
			return (int)i + 1;
	return -1;
}

/* Zone of RFC 5322 3.3 or 4.3; what is unknown there means -0000. False: no zone at all. */
static bool
mail_zone(struct span *s, int *minutes)
{
	static const struct { const char *name; int hours; } zones[] = {
		{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6},
		{"PST", -8}, {"PDT", -7},
	};
	struct span	word;
	int		sign, n;

	*minutes = 0;
	if (!skip_cfws(s))
		return false;
	if (s->n > 0 && (s->p[0] == '+' || s->p[0] == '-')) {
		sign = s->p[0] == '-' ? -1 : 1;
		*s = span_from(*s, 1);
		if ((n = take_number(s, 4)) < 0 || n % 100 > 59)
			return false;
		*minutes = sign * (n / 100 * 60 + n % 100);
		return true;
	}
	word = mail_word(s);
	for (size_t i = 0; i < COUNT(zones); i++)
		if (span_is_nocase(word, zones[i].name))
			*minutes = zones[i].hours * 60;
	return word.n > 0;
}

/* RFC 5322 4.3: two digits are 2000..2049 or 1950..1999, three are counted from 1900. */
static int
mail_year(int year, size_t digits)
{
	if (digits == 2)
		return year < 50 ? 2000 + year : 1900 + year;
	return digits == 3 ? 1900 + year : year;
}

static bool
parse_mail_date(struct span s, int64_t *ms)
{
	int	d, mo, y, h, mi, sec = 0, off;
	size_t	digits = 0;

	if (!skip_cfws(&s))
		return false;
	if (mail_word(&s).n > 0 && !take_byte(&s, ','))	/* the day's name, which may be wrong */
		return false;
	if ((d = mail_number(&s, 1, 2, NULL)) < 0 || (mo = mail_month(mail_word(&s))) < 0 ||
	    (y = mail_number(&s, 2, 4, &digits)) < 0 || (h = mail_number(&s, 1, 2, NULL)) < 0 ||
	    !take_byte(&s, ':') || (mi = mail_number(&s, 1, 2, NULL)) < 0)
		return false;
	if (take_byte(&s, ':') && (sec = mail_number(&s, 1, 2, NULL)) < 0)
		return false;
	if (!mail_zone(&s, &off) || !skip_cfws(&s) || s.n > 0)
		return false;
	return clock_civil(mail_year(y, digits), mo, d, h, mi, sec, off, ms) == 0;
}

int
clock_parse_mail(struct span s, int64_t *ms, struct err *e)
{
	if (parse_mail_date(s, ms))
		return 0;
	return err_set(e, ERR_REJECT, "not a date of RFC 5322");
}

int
clock_parse_span(struct span s, int64_t *ms, struct err *e)
{
	static const struct { char unit; int64_t ms; } units[] = {
		{'s', CLOCK_SECOND}, {'m', CLOCK_MINUTE}, {'h', CLOCK_HOUR}, {'d', CLOCK_DAY},
	};
	struct span	number = s;
	int		n;

	if (s.n >= 2 && s.n <= 9 && (n = take_number(&number, s.n - 1)) >= 0)
		for (size_t i = 0; i < COUNT(units); i++)
			if (s.p[s.n - 1] == units[i].unit && n <= CLOCK_MAX_SPAN_MS / units[i].ms) {
				*ms = n * units[i].ms;
				return 0;
			}
	return err_set(e, ERR_REJECT, "\"%.*s\" is no time span like 90s, 5m, 6h or 14d",
	    (int)(s.n < 40 ? s.n : 40), s.n > 0 ? s.p : "");
}
