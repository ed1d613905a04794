/*
 * forward - see forward.h
 */
#include "read/forward.h"

#include <string.h>

#include "rules/fold.h"

#define MAX_LABEL	40	/* bytes before a colon that may be a label */
#define MAX_LINE	2000	/* bytes of a line that may be part of a header */
#define MAX_BANNER	100	/* bytes of "---- Forwarded message ----", dashes off */
#define MAX_ATTRIBUTION	300	/* bytes of "On ..., NN <nn@example.com> wrote:" */
#define MAX_PREFIX	24	/* bytes of "Videresendt:" */

/* ---- words */

enum label { LABEL_FROM, LABEL_DATE, LABEL_TO, LABEL_SUBJECT, LABEL_CC, LABEL_OTHER, LABELS };
#define BIT(label) (1u << (label))
#define COMPLETE (BIT(LABEL_FROM) | BIT(LABEL_DATE) | BIT(LABEL_TO) | BIT(LABEL_SUBJECT))

/*
 * As written; "|" parts them. Compared as words_fold() has them, and as written where Yahoo runs them
 * together.
 */
static const char other_labels[] =
    "Reply-To|Svar til|Svara till|Vastausosoite|Antwort an|Importance|Priority|Viktighet|Betydning|Prioritet|"
    "Tärkeys|Wichtigkeit|Attachments|Vedlegg|Vedhæftede filer|Bilagor|Liitteet|Anlagen|Sensitivity";
static const char *const labels[LABELS] = {
	[LABEL_FROM] = "From|Fra|Frå|Från|Lähettäjä|Von",
	[LABEL_DATE] = "Date|Sent|Dato|Sendt|Datum|Skickat|Päivämäärä|Päiväys|Lähetetty|Gesendet|Gesendet am",
	[LABEL_TO] = "To|Til|Till|Vastaanottaja|An",
	[LABEL_SUBJECT] = "Subject|Emne|Ämne|Aihe|Betreff",
	[LABEL_CC] = "Cc|CC|Bcc|Kopi|Kopi til|Kopia|Kopio|Kopie|Blindkopi|Blindkopia|Piilokopio|Blindkopie",
	[LABEL_OTHER] = other_labels,
};

/* A line with a word of each of the first two says that a forward follows; of the last two, perhaps. */
static const char passed_on[] = "forwarded|videresendt|videresendte|vidaresend|vidaresendt|vidarebefordrat|vidarebefordrad|"
    "välitetty|edelleenlähetetty|edelleen|weitergeleitete|weitergeleiteten|weitergeleitet";
static const char a_mail[] = "message|mail|email|melding|meldinga|meddelelse|besked|post|epost|meddelande|mejl|brev|text|"
    "viesti|nachricht";
static const char original[] = "original|opprinnelig|opphavleg|oprindelig|ursprungligt|alkuperäinen|ursprüngliche|"
    "originalmeddelande|originalnachricht";
static const char wrote[] = "wrote|skrev|kirjoitti|schrieb";

static const char replies[] = "re|sv|aw|antw|antwort|svar|vast";
static const char forwards[] = "fw|fwd|vb|vl|wg|videresend|videresendt|videres|vidarebef|vidarebefordrat|edelleen|weitergeleitet";
static const char either[] = "vs";

static bool
word_of(struct span word, const char *words)
{
	struct span left = span_of(words), one;

	while (left.n > 0) {
		span_cut(&left, '|', &one);
		if (span_eq(word, one))
			return true;
	}
	return false;
}

/* Does a folded line have one of the words? */
static bool
has_word(struct span folded, const char *words)
{
	struct span word;

	while (folded.n > 0) {
		span_cut(&folded, ' ', &word);
		if (word_of(word, words))
			return true;
	}
	return false;
}

/* Text as words in lower case, one space apart, in a buffer of FOLD_ROOM(text.n). */
static struct span
words_fold(struct span text, char *out)
{
	size_t n = fold_words(out, fold_put(out, 0, text));

	return span_trim((struct span){out, n});
}

/* ---- subjects */

enum forward_prefix
forward_prefix(struct span subject, struct span *rest)
{
	char		word[FOLD_ROOM(MAX_PREFIX)];
	struct span	s = span_trim(subject), before, name;

	while (s.n > 0 && s.p[0] == '[' && span_cut(&s, ']', &before))	/* "[EXT] Fwd: ..." */
		s = span_trim(s);
	*rest = span_trim(subject);
	if (!span_cut(&s, ':', &name) || name.n > MAX_PREFIX)
		return FORWARD_NONE;
	span_cut(&name, '[', &before);	/* "Re[2]:" */
	name = words_fold(before, word);
	if (!word_of(name, replies) && !word_of(name, forwards) && !word_of(name, either))
		return FORWARD_NONE;
	*rest = span_trim(s);
	return word_of(name, replies) ? FORWARD_REPLY : word_of(name, forwards) ? FORWARD_FORWARD : FORWARD_EITHER;
}

/* ---- labels */

#define MAX_LABELS	64

struct known {			/* the labels, folded once */
	struct { struct span text; enum label label; } list[MAX_LABELS];
	size_t	count;
	bool	first[256];	/* what words begin with that a banner must have one of */
	size_t	shortest;	/* bytes of one of those words */
};

static void
banner_words(struct known *k, const char *words)
{
	struct span left = span_of(words), one;

	while (left.n > 0) {
		span_cut(&left, '|', &one);
		k->first[(unsigned char)one.p[0]] = true;
		k->shortest = one.n < k->shortest ? one.n : k->shortest;
	}
}

static const struct known *
labels_fold(struct arena *a)
{
	struct known *k = arena_alloc(a, sizeof(*k));

	for (int l = 0; l < LABELS; l++) {
		struct span words = span_of(labels[l]), one;

		while (words.n > 0 && k->count < MAX_LABELS) {
			span_cut(&words, '|', &one);
			k->list[k->count].text = words_fold(one, arena_alloc(a, FOLD_ROOM(one.n)));
			k->list[k->count++].label = (enum label)l;
		}
	}
	k->shortest = SIZE_MAX;
	banner_words(k, passed_on);
	banner_words(k, original);
	return k;
}

/* The label that a line begins with, LABELS if none; *value is what follows the colon. */
static enum label
line_label(const struct known *k, struct span text, struct span *value)
{
	char		out[FOLD_ROOM(MAX_LABEL)];
	struct span	name, left = text;

	if (!span_cut(&left, ':', &name) || name.n == 0 || name.n > MAX_LABEL)
		return LABELS;
	name = words_fold(name, out);
	for (size_t i = 0; i < k->count; i++) {
		if (!span_eq(k->list[i].text, name))
			continue;
		while (left.n > 0 && (left.p[0] == '*' || left.p[0] == ' '))	/* "*From:* NN" */
			left = span_from(left, 1);
		*value = left;
		return k->list[i].label;
	}
	return LABELS;
}

/* ---- lines */

/* A header that a mail program wrote above what it passes on. */
struct block {
	size_t		begin;		/* the line that says so, or the first of the header */
	size_t		end;		/* the first line of what was passed on */
	uint16_t	quote;
	bool		said;		/* a line above says that it is a forward */
	bool		attribution;	/* not a header, but "NN wrote:" */
	unsigned	seen;		/* labels, as bits */
	struct span	from, subject;	/* as they stand there; "" if not */
	bool		finnish;
};

struct lines {
	const struct document_line	*list;
	size_t				 count;
	const struct known		*known;
	struct arena			*arena;
};

static bool
line_empty(const struct document_line *l)
{
	for (uint16_t i = 0; i < l->count; i++)
		if (l->cells[i].n > 0)
			return false;
	return true;
}

/* The text of a line, cells apart by a space; "" if it is too long to be part of a header. */
static struct span
line_text(const struct lines *s, size_t at)
{
	const struct document_line	*l = &s->list[at];
	struct arena_buf		 b = {.arena = s->arena};
	size_t				 n = 0;

	if (l->count == 1)
		return l->cells[0].n <= MAX_LINE ? l->cells[0] : SPAN_LIT("");
	for (uint16_t i = 0; i < l->count; i++)
		n += l->cells[i].n + 1;
	if (n > MAX_LINE)
		return SPAN_LIT("");
	for (uint16_t i = 0; i < l->count; i++) {
		arena_puts(&b, i > 0 ? " " : "");
		arena_put(&b, l->cells[i].p, l->cells[i].n);
	}
	return (struct span){b.p, b.n};
}

static void
block_take(struct block *b, enum label l, struct span name, struct span value)
{
	b->seen |= BIT(l);
	if (l == LABEL_FROM) {
		b->from = value;
		b->finnish = name.n > 0 && name.p[0] == 'L';	/* "Lähettäjä" alone begins so */
	}
	if (l == LABEL_SUBJECT)
		b->subject = value;
}

/* Recipients run over lines. */
static bool
line_goes_on(struct span text)
{
	return memchr(text.p, '@', text.n) != NULL;
}

/* The next line from `at` on that is not empty. */
static size_t
skip_empty(const struct lines *s, size_t at)
{
	while (at < s->count && line_empty(&s->list[at]))
		at++;
	return at;
}

/* Reads a header from line `at` on; false if there is none. */
static bool
block_read(const struct lines *s, size_t at, struct block *b)
{
	enum label	last = LABELS;
	size_t		i;

	for (i = at; i < s->count && i < at + FORWARD_MAX_LINES; i++) {
		struct span	value, text = line_text(s, i);
		enum label	l;

		if (line_empty(&s->list[i])) {	/* some programs write each field as a paragraph */
			if (i + 1 == s->count || (b->seen & COMPLETE) == COMPLETE)
				break;
			l = line_label(s->known, line_text(s, i + 1), &value);
			if (l == LABELS || (b->seen & BIT(l)))
				break;
			continue;
		}
		l = line_label(s->known, text, &value);
		if (l == LABELS) {
			if ((last != LABEL_TO && last != LABEL_CC && last != LABEL_FROM) || !line_goes_on(text))
				break;
			continue;
		}
		if ((b->seen & BIT(l)) && l != LABEL_CC && l != LABEL_OTHER)
			break;
		block_take(b, l, text.p[0] == '*' ? span_from(text, 1) : text, value);
		last = l;
	}
	b->quote = s->list[at].quote;
	b->end = skip_empty(s, i);
	return (b->seen & BIT(LABEL_FROM)) && (b->seen & (BIT(LABEL_DATE) | BIT(LABEL_SUBJECT))) &&
	    (b->said || __builtin_popcount(b->seen) >= 3);
}

/* ---- what Yahoo writes: all fields in the line that says so */

static enum label
label_here(struct span s, size_t *length)
{
	for (int l = 0; l < LABELS; l++) {
		struct span words = span_of(labels[l]), one;

		while (words.n > 0) {
			span_cut(&words, '|', &one);
			if (s.n > one.n && s.p[one.n] == ':' && span_eq(span_take(s, one.n), one)) {
				*length = one.n + 1;
				return (enum label)l;
			}
		}
	}
	return LABELS;
}

static bool
block_read_run(struct span s, struct block *b)
{
	size_t		length = 0, from = 0;
	enum label	last = label_here(s, &length);
	struct span	name = s;

	if (last == LABELS)
		return false;
	from = length;
	for (size_t i = length; i < s.n; i++) {
		enum label l = label_here(span_from(s, i), &length);

		if (l == LABELS || (b->seen & BIT(l)))
			continue;
		block_take(b, last, name, span_trim(span_take(span_from(s, from), i - from)));
		last = l;
		name = span_from(s, i);
		from = i + length;
		i = from - 1;
	}
	block_take(b, last, name, span_trim(span_from(s, from)));
	return (b->seen & BIT(LABEL_FROM)) && __builtin_popcount(b->seen) >= 3;
}

/* ---- where a forward begins */

static struct span
dashes_off(struct span s)
{
	while (s.n > 0 && strchr("-_*> :", s.p[0]) != NULL && s.p[0] != '\0')
		s = span_from(s, 1);
	while (s.n > 0 && strchr("-_*> :", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
		s.n--;
	return s;
}

/* Most lines have no word that looks like one of a banner. */
static bool
could_be_banner(const struct known *k, struct span folded)
{
	struct span word;

	while (folded.n > 0) {
		span_cut(&folded, ' ', &word);
		if (word.n >= k->shortest && k->first[(unsigned char)word.p[0]])
			return true;
	}
	return false;
}

/* "---- Forwarded message ----": sets *said; "---- Original message ----" leaves that open. */
static bool
is_banner(const struct known *k, struct span text, bool *said)
{
	char		out[FOLD_ROOM(MAX_BANNER)];
	struct span	words = dashes_off(text);

	if (words.n == 0 || words.n > MAX_BANNER)
		return false;
	words = words_fold(words, out);
	if (!could_be_banner(k, words)) {
		*said = false;
		return false;
	}
	*said = has_word(words, passed_on) && has_word(words, a_mail);
	return *said || (has_word(words, original) && text.n >= words.n + 4);	/* dashes are part of it */
}

/* "On 22 Nov 2026, NN <nn@example.com> wrote:", perhaps over two lines. */
static bool
is_attribution(const struct lines *s, size_t at, struct span *from)
{
	char		out[FOLD_ROOM(MAX_ATTRIBUTION)];
	struct span	text = span_trim(line_text(s, at));

	if (text.n == 0 || text.n > MAX_ATTRIBUTION || text.p[text.n - 1] != ':' || !has_word(words_fold(text, out), wrote))
		return false;
	if (memchr(text.p, '@', text.n) == NULL && at > 0)
		text = line_text(s, at - 1);
	if (memchr(text.p, '@', text.n) != NULL)
		*from = text;
	return from->n > 0;
}

/* The first header or attribution from line `at` on; text above an attribution may be anything. */
static bool
block_find(const struct lines *s, size_t at, struct block *out)
{
	for (size_t i = at; i < s->count; i++) {
		struct span	text = line_text(s, i), run = text, value;
		struct block	b = {.begin = i, .from = SPAN_LIT(""), .subject = SPAN_LIT("")};
		size_t		head;

		if (text.n == 0)
			continue;
		if (is_banner(s->known, text, &b.said)) {
			head = skip_empty(s, i + 1);
			if (head < s->count && head <= i + 3 && block_read(s, head, &b))
				goto found;
			b.seen = 0;
		}
		if (text.p[0] == '-' && text.n > 10 && (head = (size_t)(span_find(run, SPAN_LIT("- "), 5) + 2)) > 6 &&
		    is_banner(s->known, span_take(text, head), &b.said) &&
		    block_read_run(span_trim(span_from(text, head)), &b)) {
			b.quote = s->list[i].quote;
			b.end = skip_empty(s, i + 1);
			goto found;
		}
		b.said = false;
		b.seen = 0;
		if (line_label(s->known, text, &value) < LABEL_CC && block_read(s, i, &b))
			goto found;
		b.seen = 0;
		if (is_attribution(s, i, &b.from)) {
			b.attribution = true;
			b.quote = s->list[i].quote;
			b.end = skip_empty(s, i + 1);
			goto found;
		}
		continue;
found:
		*out = b;
		return true;
	}
	return false;
}

/* ---- taking it out */

static bool
has_text(const struct document_line *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!line_empty(&l[i]))
			return true;
	return false;
}

/* What was passed on stands at least as deep as its header; what follows it less deep is not part of it. */
static void
quote_take_off(struct document_line *l, size_t *count, uint16_t depth, bool *own_text)
{
	uint16_t	least = UINT16_MAX;
	size_t		end = *count;

	while (end > 0 && (l[end - 1].quote < depth || line_empty(&l[end - 1])))
		end--;
	if (end > 0) {
		*own_text = *own_text || has_text(l + end, *count - end);
		*count = end;
	}
	for (size_t i = 0; i < *count; i++) {
		l[i].quote = l[i].quote > depth ? (uint16_t)(l[i].quote - depth) : 0;
		if (!line_empty(&l[i]) && l[i].quote < least)
			least = l[i].quote;
	}
	for (size_t i = 0; i < *count; i++)
		l[i].quote = l[i].quote > least ? (uint16_t)(l[i].quote - least) : 0;
}

/*
 * Is what stands at `b` passed on, or quoted in a reply? `named` is what the Subject of the mail around it
 * says. Programs set In-Reply-To in forwards too, so the word of a person or a program goes first.
 */
static bool
is_forward(const struct block *b, enum forward_prefix named, bool reply)
{
	switch (named) {
	case FORWARD_FORWARD:
		return true;
	case FORWARD_REPLY:
		return false;
	case FORWARD_EITHER:
		return !b->attribution && !b->finnish;
	case FORWARD_NONE:
		break;
	}
	if (b->attribution)
		return false;
	return b->said || (!reply && memchr(b->from.p, '@', b->from.n) != NULL);
}

/* Unwraps one part; false if it holds no forward. */
static bool
part_unwrap(struct document *d, struct document_part *p, const struct known *known, struct arena *a)
{
	struct span		subject = d->subject, rest;
	enum forward_prefix	named = forward_prefix(subject, &rest);
	struct document_line	*l = p->lines;
	size_t			 count = p->count;
	bool			 reply = d->reply, own_text = false;
	int			 depth = 0;

	for (; depth < FORWARD_MAX_DEPTH; depth++) {
		struct lines	s = {l, count, known, a};
		struct block	b;

		if (!block_find(&s, 0, &b))
			break;
		if (!is_forward(&b, named, reply)) {
			d->reply = d->reply || (depth == 0 && named == FORWARD_EITHER);
			break;
		}
		if (depth == 0 && named == FORWARD_NONE && !b.said && has_text(l, b.begin)) {
			d->forward = true;	/* or an old mail under new text: all of it is read, in doubt */
			break;
		}
		if (depth > 0 && named != FORWARD_FORWARD && has_text(l, b.begin))
			break;	/* what was passed on has text of its own, and is no forward by its Subject */
		own_text = own_text || has_text(l, b.begin);
		subject = b.subject.n > 0 ? b.subject : rest;
		d->from = b.from;
		l += b.end;
		count -= b.end;
		quote_take_off(l, &count, b.quote, &own_text);
		named = forward_prefix(subject, &rest);
		reply = named == FORWARD_REPLY;
	}
	if (depth == 0)
		return false;
	p->lines = l;
	p->count = count;
	d->subject = subject;
	d->reply = reply;
	d->own_text = d->own_text || own_text;
	d->unwrapped = depth;
	return true;
}

void
forward_unwrap(struct document *d, struct arena *a)
{
	struct document		outer = *d;
	struct span		rest;
	enum forward_prefix	named = forward_prefix(d->subject, &rest);
	uint16_t		alternative = 0;
	size_t			first = d->count;
	const struct known	*known = labels_fold(a);

	for (size_t i = 0; i < d->count; i++) {
		struct document one = outer;	/* each part by what the mail around it says */

		if (!part_unwrap(&one, &d->parts[i], known, a)) {
			d->reply = d->reply || one.reply;
			d->forward = d->forward || one.forward;
			continue;
		}
		if (first < d->count && alternative == d->parts[i].alternative && alternative > 0)
			one.reply = one.reply || d->reply;
		else if (first < d->count) {
			d->unwrapped += one.unwrapped;
			continue;
		}
		d->subject = one.subject;
		d->from = one.from;
		d->reply = one.reply;
		d->own_text = d->own_text || one.own_text;
		d->unwrapped = one.unwrapped > d->unwrapped ? one.unwrapped : d->unwrapped;
		d->forward = true;
		if (first == d->count) {
			first = i;
			alternative = d->parts[i].alternative;
		}
	}
	for (size_t i = 0; i < first && first < d->count; i++) {	/* parts before it are its sender's own text */
		if (alternative > 0 && d->parts[i].alternative == alternative)
			continue;
		d->own_text = d->own_text || has_text(d->parts[i].lines, d->parts[i].count);
		d->parts[i].count = 0;
	}
	if (d->forward)
		return;
	d->forward = named == FORWARD_FORWARD;
	d->reply = named == FORWARD_REPLY || (d->reply && named != FORWARD_FORWARD);
}
