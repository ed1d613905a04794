#include "rules/sentence.h"

#include <string.h>

#include "rules/ruleset.h"

#define FIRST_YEAR 1990		/* four digits from here on are a year */
#define LAST_YEAR  2100

/* Where the walk is: what it has seen of this sentence, and of this clause. */
struct walk {
	const struct rules	*rules;
	struct span		 text;
	uint64_t		 seen, clause, held;
	size_t			 from;		/* of the sentence */
	int			 year;
	bool			*limit;
};

static bool
at_word_end(struct span text, size_t at)
{
	return at >= text.n || text.p[at] == ' ' || text.p[at] == '\n';
}

/* Does the phrase stand at `at`? Commas within it do not matter. */
static bool
phrase_stands(struct span text, size_t at, struct span phrase)
{
	size_t i = at, k = 0;

	while (k < phrase.n && i < text.n) {
		if (text.p[i] == phrase.p[k]) {
			i++;
			k++;
		} else if (text.p[i] == ',' && i + 1 < text.n && text.p[i + 1] == ' ') {
			i += 2;
		} else {
			return false;
		}
	}
	return k == phrase.n && at_word_end(text, i);
}

static bool
pair_holds(const struct walk *w, const struct sentence_pair *p, uint64_t bits)
{
	if (p->then != 0)
		return (bits & p->then) && (w->clause & p->list);
	return (bits & p->list) && !(w->seen & p->before) && (p->after == 0 || (w->seen & p->after));
}

/* A pair may be the list of a later one. */
static void
phrase_seen(struct walk *w, int id)
{
	uint64_t bits = w->rules->phrase_bits[id];

	for (int i = 0; bits != 0 && i < w->rules->pair_count; i++)
		if (pair_holds(w, &w->rules->pairs[i], bits))
			bits |= w->rules->pairs[i].bit;
	w->seen |= bits;
	w->clause |= bits;
}

static void
year_seen(struct walk *w, size_t start, size_t end)
{
	int year = 0;

	if (end - start != 4 || w->year == 0)
		return;
	for (size_t i = start; i < end; i++) {
		if (w->text.p[i] < '0' || w->text.p[i] > '9')
			return;
		year = 10 * year + (w->text.p[i] - '0');
	}
	if (year >= FIRST_YEAR && year <= LAST_YEAR && year < w->year)
		w->seen |= SENTENCE_PAST_YEAR;
}

static void
sentence_end(struct walk *w, size_t end)
{
	struct span whole = {w->text.p + w->from, end - w->from};

	for (int i = 0; i < w->rules->sentence_count; i++) {
		const struct sentence	*s = &w->rules->sentences[i];
		enum pattern_result	 r;

		if ((w->held >> i & 1) || (s->any != 0 && !(w->seen & s->any)) ||
		    (w->seen & s->all) != s->all || (w->seen & s->none))
			continue;
		r = s->pattern != NULL && whole.n > 0 ? pattern_find(s->pattern, whole, 0) :
		    s->pattern != NULL ? PATTERN_NO_MATCH : PATTERN_MATCH;
		if (r == PATTERN_LIMIT)
			*w->limit = true;
		if (r == PATTERN_MATCH)
			w->held |= (uint64_t)1 << i;
	}
	w->seen = w->clause = 0;
	w->from = end;
}

/* The next byte of a stem's hash, and the bit of one that ends there. */
static uint32_t
filter_hash(uint32_t h, int c)
{
	return h * 31 + (unsigned char)c;
}

static size_t
filter_bit(uint32_t h, size_t n)
{
	return (h ^ h >> 11 ^ (uint32_t)n << 5) % SENTENCE_STEM_BITS;
}

/* Two bytes as one number; most of any text ends here. */
static size_t
filter_pair(char a, char b)
{
	return (size_t)((a & 0x7f) << 7 | (b & 0x7f));
}

/* From p on n bytes, or before p, the last first. */
static void
filter_set(struct sentence_stem_bits *f, const char *p, size_t n, bool before)
{
	uint32_t h = 0;
	size_t	 bit;

	for (size_t i = 0; i < n; i++)
		h = filter_hash(h, before ? p[-(ptrdiff_t)i - 1] : p[i]);
	bit = filter_bit(h, n);
	f->set[bit / 64] |= UINT64_C(1) << bit % 64;
	f->lengths |= 1U << n;
	if (n >= 2) {
		bit = before ? filter_pair(p[-1], p[-2]) : filter_pair(p[0], p[1]);
		f->pairs[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

/* May the bytes from p on (room of them), or those before p, be a stem's? */
static bool
filter_has(const struct sentence_stem_bits *f, const char *p, size_t room, bool before)
{
	uint32_t h = 0;

	if (!(f->lengths & 1U << 1)) {	/* none of one byte */
		size_t bit = room < 2 ? 0 : before ? filter_pair(p[-1], p[-2]) : filter_pair(p[0], p[1]);

		if (room < 2 || !(f->pairs[bit / 64] >> bit % 64 & 1))
			return false;
	}
	for (size_t n = 1; n <= SENTENCE_STEM_BYTES && n <= room; n++) {
		size_t bit;

		h = filter_hash(h, before ? p[-(ptrdiff_t)n] : p[n - 1]);
		if (!(f->lengths >> n & 1))
			continue;
		bit = filter_bit(h, n);
		if (f->set[bit / 64] >> bit % 64 & 1)
			return true;
	}
	return false;
}

void
sentence_stems_make(const struct rules *r, struct sentence_stems *f)
{
	for (int i = 0; i < r->stem_count; i++) {
		struct span	stem = r->phrases[r->stems[i]];
		size_t		n = stem.n < SENTENCE_STEM_BYTES ? stem.n : SENTENCE_STEM_BYTES;

		switch (r->forms[r->stems[i]]) {
		case PHRASE_BEGINS:
			filter_set(&f->begins, stem.p, n, false);
			break;
		case PHRASE_ENDS:
			filter_set(&f->ends, stem.p + stem.n, n, true);
			break;
		case PHRASE_WITHIN:
			filter_set(&f->within, stem.p, n, false);
			break;
		case PHRASE_WORDS:
			break;
		}
	}
}

/* The forms whose stems may fit a word, as bits. */
static unsigned
filter_passes(const struct sentence_stems *f, struct span word)
{
	unsigned forms = 0;

	if (filter_has(&f->begins, word.p, word.n, false))
		forms |= 1u << PHRASE_BEGINS;
	if (filter_has(&f->ends, word.p + word.n, word.n, true))
		forms |= 1u << PHRASE_ENDS;
	for (size_t i = 0; i < word.n; i++)
		if (filter_has(&f->within, word.p + i, word.n - i, false))
			return forms | 1u << PHRASE_WITHIN;
	return forms;
}

static bool
stem_fits(struct span word, struct span stem, enum phrase_form form)
{
	switch (form) {
	case PHRASE_BEGINS:
		return word.n >= stem.n && word.p[0] == stem.p[0] && span_eq(span_take(word, stem.n), stem);
	case PHRASE_ENDS:
		return word.n >= stem.n && span_eq(span_from(word, word.n - stem.n), stem);
	case PHRASE_WITHIN:
		return span_find(word, stem, 0) >= 0;
	case PHRASE_WORDS:
		break;
	}
	return false;
}

static void
stems_seen(struct walk *w, struct span word, uint8_t where, uint8_t *hits)
{
	unsigned forms = filter_passes(&w->rules->stem_filter, word);

	if (forms == 0)
		return;
	for (int i = 0; i < w->rules->stem_count; i++) {
		int id = w->rules->stems[i];

		if (!(forms >> w->rules->forms[id] & 1) || !stem_fits(word, w->rules->phrases[id], w->rules->forms[id]))
			continue;
		hits[id] |= where;
		phrase_seen(w, id);
	}
}

static void
word_seen(struct walk *w, size_t start, size_t end, uint8_t where, uint8_t *hits)
{
	const struct rules	*r = w->rules;
	uint32_t		 h = rules_word_hash(w->text.p + start, end - start), at;

	year_seen(w, start, end);
	stems_seen(w, (struct span){w->text.p + start, end - start}, where, hits);
	for (at = h & r->slot_mask; r->slots[at].count > 0 && r->slots[at].hash != h;)
		at = (at + 1) & r->slot_mask;
	/* the longer first: "payment point" is no payment */
	for (int k = r->slots[at].count - 1; k >= 0; k--) {
		int id = r->order[r->slots[at].first + k];

		if (phrase_stands(w->text, start, r->phrases[id])) {
			hits[id] |= where;
			phrase_seen(w, id);
		}
	}
}

void
sentences_scan(const struct rules *r, struct span text, int year, uint8_t where, uint8_t *hits,
    uint64_t *holds, bool *limit)
{
	struct walk w = {.rules = r, .text = text, .year = year, .limit = limit};

	for (size_t i = 0; i < text.n; i++) {
		size_t start = i;

		if (text.p[i] == ' ')
			continue;
		if (text.p[i] == '\n' || text.p[i] == '.' || text.p[i] == '?') {
			if (text.p[i] == '?')
				w.seen |= SENTENCE_QUESTION;
			sentence_end(&w, i);
			w.from = i + 1;
			continue;
		}
		if (text.p[i] == ',') {
			w.clause = 0;
			continue;
		}
		while (!at_word_end(text, i))
			i++;
		word_seen(&w, start, i, where, hits);
		i--;
	}
	sentence_end(&w, text.n);
	*holds |= w.held;
}
