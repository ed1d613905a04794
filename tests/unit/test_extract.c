#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <stdlib.h>
#include <cmocka.h>

#include "rules/extract.h"

static struct arena	 rules_arena;
static struct rules	*shipped;

static int
open_rules(void **state)
{
	const char	*paths[] = {"rules/vipps-mobilepay.yaml", NULL}, *errors;
	struct err	 e;

	(void)state;
	return rules_open(paths, &rules_arena, &shipped, &errors, &e);
}

static int
close_rules(void **state)
{
	(void)state;
	rules_close(shipped);
	arena_free(&rules_arena);
	return 0;
}

/*
 * One part of a document in our notation: a line each, in HTML cells parted by "|", which makes the line a
 * row of the table that began after the last empty line; in plain text columns are parted by two spaces.
 */
static struct document_part
part_of(struct arena *a, enum document_kind kind, uint16_t alternative, struct span text)
{
	struct document_build	*b = document_begin(a, kind, alternative);
	uint16_t		 table = 1;
	bool			 truncated = false;

	while (text.n > 0) {
		struct span	line, cell;
		bool		row;

		span_cut(&text, '\n', &line);
		row = kind == DOCUMENT_HTML && span_find(line, SPAN_LIT("|"), 0) >= 0;
		table = (uint16_t)(table + (line.n == 0));
		do {
			ptrdiff_t gap = kind == DOCUMENT_PLAIN ? span_find(line, SPAN_LIT("  "), 0) : -1;

			if (row)
				span_cut(&line, '|', &cell);
			else if (gap >= 0) {
				cell = span_take(line, (size_t)gap);
				line = span_trim(span_from(line, (size_t)gap));
			} else {
				cell = line;
				line.n = 0;
			}
			document_put_cell(b, cell);
		} while (line.n > 0);
		document_end_line(b, row ? table : 0, 0);
	}
	return document_end(b, &truncated);
}

/* Two texts are the alternatives of one mail; one text alone is HTML, or plain if it begins with "~". */
static struct document
document_of(struct arena *a, const char *subject, const char *one, const char *two)
{
	struct document d = {.subject = span_of(subject), .from = SPAN_LIT("Vipps MobilePay"),
	    .auto_submitted = SPAN_LIT("")};
	bool plain = two != NULL || one[0] == '~';

	d.parts = arena_array(a, 2, sizeof(*d.parts));
	d.parts[d.count++] = part_of(a, plain ? DOCUMENT_PLAIN : DOCUMENT_HTML, two != NULL,
	    span_of(one + (one[0] == '~')));
	if (two != NULL)
		d.parts[d.count++] = part_of(a, DOCUMENT_HTML, 1, span_of(two));
	return d;
}

static void
put_reasons(struct arena_buf *b, const struct reasons *r)
{
	for (int i = 0; i < r->count; i++)
		arena_putf(b, " %s", r->list[i].code);
}

/* "kind language, scheme org | merchant | msn | unit reasons, ...; reasons of the mail" */
static const char *
told(const struct rules *r, const struct document *d, struct arena *a)
{
	struct arena_buf	b = {.arena = a};
	struct extraction	x;
	struct err		e;

	assert_int_equal(extract(r, d, a, &x, &e), 0);
	arena_putf(&b, "%s %s", rule_kind_name(x.kind), x.language);
	for (int i = 0; i < x.count; i++) {
		const struct found_claim	*c = &x.claims[i];
		const char			*country = identifier_country(c->scheme);

		arena_putf(&b, ", %s", country != NULL ? country : "-");
		for (int f = 0; f < FIELDS; f++)
			arena_putf(&b, "%s%.*s", f == 0 ? " " : "|",
			    c->value[f].p != NULL ? (int)c->value[f].n : 1,
			    c->value[f].p != NULL ? c->value[f].p : "-");
		put_reasons(&b, &c->reasons);
	}
	if (x.reasons.count > 0)
		arena_puts(&b, ";");
	put_reasons(&b, &x.reasons);
	return b.p;
}

struct row { const char *name, *subject, *one, *two, *want; };

static void
check_rows(const struct row *t, size_t n)
{
	int wrong = 0;

	for (size_t i = 0; i < n; i++) {
		struct arena	a = {0};
		struct document	d = document_of(&a, t[i].subject, t[i].one, t[i].two);
		const char	*got = told(shipped, &d, &a);

		if (strcmp(got, t[i].want) != 0) {
			print_error("%s:\n got  %s\n want %s\n", t[i].name, got, t[i].want);
			wrong++;
		}
		arena_free(&a);
	}
	assert_int_equal(wrong, 0);
}

#define GOOD	"approval no, NO 987654325|Fjord AS|123456|Fjord nett"
#define TWO	"approval no, NO 987654325|Fjord AS|123456|Fjord nett, NO 987654325|Fjord AS|123457|Fjord by"
#define EN	"Organisation number: NO987654325\nMSN: 123456\n"
#define FOUR	"Organisasjonsnummer: 987 654 325\nFirmanavn: Fjord AS\nMSN: 123456\nNavn på salgssted: Fjord nett\n"

static void
test_fields_are_found_in_every_layout(void **state)
{
	static const struct row t[] = {
		{ "before a colon", "Salgsstedet er godkjent", FOUR, NULL, GOOD },
		{ "in a cell of its own", "Salgsstedet er godkjent", "Organisasjonsnummer|987654325\nFirmanavn:|Fjord AS\n"
		  "MSN||123456|Kopier\nNavn på salgssted|Fjord nett", NULL, GOOD },
		{ "four columns", "Salgsstedet er godkjent", "Organisasjonsnummer|987654325|Firmanavn|Fjord AS\n"
		  "MSN|123456|Navn på salgssted|Fjord nett", NULL, GOOD },
		{ "above the value", "Salgsstedet er godkjent", "Organisasjonsnummer\n987654325\nFirmanavn\n\nFjord AS\nMSN:\n123456\n"
		  "Navn på salgssted\nFjord nett", NULL, GOOD },
		{ "columns of plain text", "Salgsstedet er godkjent", "~Organisasjonsnummer    987654325\nFirmanavn\tFjord AS\n"
		  "MSN     123456\nNavn på salgssted  Fjord nett", NULL, GOOD },
		{ "wrapped labels", "Salgsstedet er godkjent", "~Organisasjonsnummer:\n987654325\nFirmanavn: Fjord AS\nMerchant Serial\n"
		  "Number: 123456\nNavn på\nsalgssted: Fjord nett", NULL, GOOD },
		{ "a wrapped value", "Salgsstedet er godkjent", "~Organisasjonsnummer: 987654325\nMSN: 123456\nNavn på salgssted: Fjord nett\n"
		  "Firmanavn: Det store norske kompani for fjorder og fjell i nord og\nsør-Trøndelag AS\n\nHilsen", NULL,
		  "approval no, NO 987654325|Det store norske kompani for fjorder og fjell i nord og sør-Trøndelag AS|123456|Fjord nett" },
		{ "marks and parentheses", "Salgsstedet er godkjent", "- *Organisasjonsnummer:* 987654325\n- *Firmanavn:* Fjord AS\n"
		  "- *Merchant Serial Number (MSN):* 123456\n- *Navn på salgssted:* Fjord nett", NULL, GOOD },
		{ "upper case", "Salgsstedet er godkjent", "ORGANISASJONSNUMMER: 987654325\nFIRMANAVN: Fjord AS\nMSN: 123456\n"
		  "NAVN PÅ SALGSSTED: Fjord nett", NULL, GOOD },
		{ "a sentence", "Salgsstedet er godkjent", "Vi har gitt dere MSN 123456.\nOrganisasjonsnummer: 987654325\nFirmanavn: Fjord AS", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|- missing-sales-unit-name" },
		{ "the vendor's own footer", "Salgsstedet er godkjent", FOUR "\nVipps MobilePay AS\nOrg.nr.: 918 713 867", NULL, GOOD },
		{ "a label of two countries", "Salgsstedet er godkjent", "Org. nr.: 987654325\nFirmanavn: Fjord AS\nMSN: 123456\nNavn på salgssted: Fjord nett", NULL, GOOD },
		{ "a label of two countries, Swedish", "Ert säljställe är godkänt", "Orgnr: 556012-5790\nFöretag: Fjord AB\nMSN: 123456\nSäljställe: Fjord nett", NULL,
		  "approval sv, SE 5560125790|Fjord AB|123456|Fjord nett" },
		{ "points in a label", "Salgsstedet er godkjent", "Org.nummer: 987654325\nNavn på virksomheten: Fjord AS\nMSN: 123456\nNavn på salgssted: Fjord nett", NULL, GOOD },
		{ "English with a country", "Approved", "Organisation number: 987654325\nCountry: Norway\nMerchant: Fjord AS\nMSN: 123456\nSales unit: Fjord nett", NULL,
		  "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "English with the scheme", "Approved", "Organisation number (business:NO:ORG): 987654325\nMerchant: Fjord AS\nMSN: 123456\nSales unit: Fjord nett", NULL,
		  "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_labels_are_read_in_words_that_no_list_has(void **state)
{
#define REST	"Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS\nNavn på salgssted: Fjord nett\n"
	static const struct row t[] = {
		{ "a determiner", "er godkjent", REST "Ditt nye MSN: 123456", NULL, GOOD },
		{ "of a unit", "er godkjent", REST "Salgsstedets MSN-nummer: 123456", NULL, GOOD },
		{ "a unit's number", "er godkjent", REST "Nummeret på salgsstedet: 123456", NULL, GOOD },
		{ "both in parentheses", "er godkjent", REST "MSN (Merchant Serial Number / salgsstedsnummer): 123456", NULL, GOOD },
		{ "numbered and emphasised", "er godkjent", REST "4. *MSN:* 123456", NULL, GOOD },
		{ "an equals sign", "er godkjent", REST "MSN = 123456", NULL, GOOD },
		{ "a dash", "er godkjent", REST "MSN – 123456", NULL, GOOD },
		{ "an arrow", "er godkjent", REST "MSN → 123456", NULL, GOOD },
		{ "points that lead", "er godkjent", REST "MSN ........ 123456", NULL, GOOD },
		{ "nothing between", "er godkjent", REST "MSN 123456", NULL, GOOD },
		{ "three lines", "er godkjent", "~" REST "Merchant\nSerial\nNumber: 123456", NULL, GOOD },
		{ "groups of three", "er godkjent", REST "MSN: 123 456", NULL, GOOD },
		{ "Finnish parts", "Myyntipaikka on hyväksytty", "Yrityksenne virallinen nimi: Fjord Oy\nYrityksen Y-tunnus: 1234567-1\nUusi MSN-tunnus: 123456\n"
		  "Myyntipaikkanne nimi: Fjord nett", NULL, "approval fi, FI 1234567-1|Fjord Oy|123456|Fjord nett" },
		{ "Swedish parts", "Säljstället är godkänt", "Företagets organisationsnummer: 556012-5790\nFöretagets namn: Fjord AB\n"
		  "Försäljningsställets nummer (MSN): 123456\nNamn på ert säljställe: Fjord nett", NULL, "approval sv, SE 5560125790|Fjord AB|123456|Fjord nett" },
		{ "Danish parts", "Salgsstedet er godkendt", "Forretningens CVR-nr.: 12345674\nForretningens navn: Fjord ApS\nSalgsstedets nummer: 123456\n"
		  "Navnet på jeres salgssted: Fjord nett", NULL, "approval da, DK 12345674|Fjord ApS|123456|Fjord nett" },
		{ "English parts", "Approved", "Merchant's organisation number: NO 987 654 325 MVA\nName of the merchant: Fjord AS\nYour MSN is: 123456\n"
		  "Name of your new sales unit: Fjord nett", NULL, "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "a word that is no label", "er godkjent", REST "MSN kontakt: 123456", NULL,
		  "approval no, NO 987654325|Fjord AS|-|Fjord nett missing-msn" },
		{ "names under headlines", "er godkjent", "Bedrift\nNavn: Fjord AS\nOrg.nr: 987654325\n\nSalgssted\nNavn: Fjord nett\nMSN: 123456", NULL, GOOD },
		{ "a unit called by a label", "er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS\n\nSalgssted\nButikken\n\nMSN\n123456", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Butikken" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_several_labels_in_one_line_are_parted(void **state)
{
	static const struct row t[] = {
		{ "bars", "er godkjent", "~Org.nr: 987654325 | Firma: Fjord AS | MSN: 123456 | Salgssted: Fjord nett | Pris: 1,75 %", NULL, GOOD },
		{ "middle dots", "er godkjent", "~MSN: 123456 · Salgssted: Fjord nett · Produkt: Kasse\nFirma: Fjord AS · Org.nr. 987 654 325", NULL, GOOD },
		{ "commas", "er godkjent", "Firma: Fjord AS, org.nr: 987 654 325, salgssted: Fjord nett, MSN: 123456", NULL, GOOD },
		{ "parentheses", "er godkjent", "Firma: Fjord AS (org.nr: 987 654 325)\nSalgssted: Fjord nett (MSN 123456)", NULL, GOOD },
		{ "a number after a name", "Approved", "Merchant: Fjord AS (987654325)\nSales unit: Fjord nett\nMSN: 123456", NULL,
		  "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "a label of two", "Approved", "Merchant (org. no.): Fjord AS (987654325)\nSales unit / MSN: Fjord nett / 123456", NULL,
		  "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "a name with marks", "er godkjent", "~Firma: Fjord, Fjell & Co | Nord AS, org.nr: 987654325\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Fjord, Fjell & Co | Nord AS|123456|Fjord nett" },
		{ "no colons", "Approved", "Merchant Fjord AS\nOrganisation number 987 654 325\nSales unit Fjord nett\nMSN 123456", NULL,
		  "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "a drawn table", "Begge er godkjent", "~Firma: Fjord AS, org.nr: 987654325\n\n+--------+------------+\n| MSN    | Salgssted  |\n+--------+------------+\n"
		  "| 123456 | Fjord nett |\n| 123457 | Fjord by   |\n+--------+------------+", NULL, TWO },
		{ "a vendor's footer with another number", "er godkjent", FOUR "\nVipps MobilePay, filial i Danmark\nVestergade 1\nCVR-nr. 12345674", NULL, GOOD },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_marks_that_part_fields_end_names(void **state)
{
#define NAMED(name, unit)	"approval no, NO 987654325|" name "|123456|" unit
	static const struct row t[] = {
		{ "a country between", "er godkjent", "~Firma: Fjord AS · Norge · Org.nr: 987654325\nMSN: 123456\nSalgssted: Fjord nett", NULL, GOOD },
		{ "a country behind bars", "er godkjent", "~Org.nr: 987654325 | Firma: Fjord AS | Norway\nSalgssted: Fjord nett | Norge | MSN: 123456", NULL, GOOD },
		{ "a country in parentheses", "er godkjent", "Firma: Fjord AS (Norge)\nOrg.nr: 987654325\nMSN: 123456\nSalgssted: Fjord nett", NULL, GOOD },
		{ "a country in a name", "er godkjent", "Firma: Fjord Norge\nOrg.nr: 987654325\nMSN: 123456\nSalgssted: Fjord, Norge", NULL,
		  NAMED("Fjord Norge", "Fjord, Norge") },
		{ "a place behind a legal form", "er godkjent", "~Firma: Fjord AS · Bergen · Org.nr: 987654325\nMSN: 123456\nSalgssted: Fjord nett", NULL, GOOD },
		{ "a place or a name", "er godkjent", "~Firma: Fjord · Nord AS · Org.nr: 987654325\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  NAMED("-", "Fjord nett missing-merchant-name") },
		{ "a mark in a name by itself", "er godkjent", "~Firma: Fjord · Nord AS\nOrg.nr: 987654325\nMSN: 123456\nSalgssted: Fjord | nett", NULL,
		  NAMED("Fjord · Nord AS", "Fjord | nett") },
		{ "colons in columns", "er godkjent", "~Firma    : Fjord AS\nOrg.nr   : 987654325\nMSN      : 123456\nSalgssted  : Fjord nett", NULL, GOOD },
		{ "dashes in columns", "er godkjent", "~Firma    – Fjord AS\nOrg.nr   – 987654325\nMSN      - 123456\nSalgssted  = Fjord nett", NULL, GOOD },
		{ "colons in cells", "er godkjent", "Firma|: Fjord AS\nOrg.nr|: 987654325\nMSN|: 123456\nSalgssted|: Fjord nett", NULL, GOOD },
		{ "bullets below labels", "er godkjent", "~Firma\n- Fjord AS\n- Org.nr: 987654325\n\nSalgssted\n• Fjord nett\n• MSN: 123456", NULL, GOOD },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_a_table_may_be_drawn_with_any_marks(void **state)
{
	static const struct row t[] = {
		{ "a legend in a sentence", "Ny beskjed", "~Disse er godkjent (org.nr. | firma | MSN | salgssted):\n\n* 987 654 325 | Fjord AS | 123456 | Fjord nett\n* 987 654 325 | Fjord AS | 123457 | Fjord by", NULL, TWO },
		{ "semicolons in HTML", "er godkjent", "MSN; salgssted; firma; org.nr\n123456; Fjord nett; Fjord AS; 987654325\n123457; Fjord by; Fjord AS; 987654325", NULL, TWO },
		{ "slashes", "er godkjent", "~MSN / Salgssted / Firma / Org.nr\n123456 / Fjord nett / Fjord AS / 987654325", NULL, GOOD },
		{ "dots", "er godkjent", "~MSN · Salgssted · Firma · Org.nr\n123456 · Fjord nett · Fjord AS · 987654325", NULL, GOOD },
		{ "columns and bars", "er godkjent", "~Org.nr    | Firma   | MSN  | Salgssted\n987654325  | Fjord AS | 123456 | Fjord nett\n987654325  | Fjord AS  | 123457 | Fjord by", NULL, TWO },
		{ "empty lines between rows", "er godkjent", "~Org.nr | Firma | MSN | Salgssted\n\n987654325 | Fjord AS | 123456 | Fjord nett\n\n987654325 | Fjord AS | 123457 | Fjord by", NULL, TWO },
		{ "a row that does not fit", "er godkjent", "~MSN · Salgssted · Firma · Org.nr\n123456 · Fjord nett · Fjord AS · 987654325\n123457 · Fjord · by · Fjord AS · 987654325", NULL,
		  GOOD "; conflict" },
		{ "another merchant without a name", "er godkjent", "~| Org.nr  | Firma  | MSN  | Salgssted |\n| 987654325  | Fjord AS  | 123456  | Fjord nett |\n| 994667203  |  | 123457  | Fjord by |", NULL,
		  GOOD ", NO 994667203|-|123457|Fjord by missing-merchant-name" },
		{ "a vendor's number is none of the merchant", "er godkjent", "Vi har godkjent disse for Fjord AS, org.nr. 987 654 325:\n\nMSN|Salgssted\n123456|Fjord nett\n\nOrg.nr. 918 713 867", NULL, GOOD },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_sentences_and_lists_give_names_that_have_edges(void **state)
{
	static const struct row t[] = {
		{ "no", "Gode nyheter", "Salgsstedet «Fjord nett» for Fjord AS (org.nr 987 654 325) er godkjent og har fått MSN 123456.", NULL, GOOD },
		{ "nn", "Gode nyhende", "Salsstaden «Fjord nett» for Fjord AS, org.nr. 987654325, er godkjend med MSN 123456.", NULL,
		  "approval nn, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "da", "Gode nyheder", "Salgsstedet \"Fjord nett\" (MSN 123456), der tilhører Fjord ApS (CVR 12345674), er nu godkendt.", NULL,
		  "approval da, DK 12345674|Fjord ApS|123456|Fjord nett" },
		{ "sv", "Goda nyheter", "Säljstället ”Fjord nett” (MSN 123456) hos Fjord AB (org.nr 556012-5790) är godkänt.", NULL,
		  "approval sv, SE 5560125790|Fjord AB|123456|Fjord nett" },
		{ "fi", "Hyviä uutisia", "Myyntipaikka Fjord nett (MSN 123456), yritys Fjord Oy (Y-tunnus 1234567-1), on hyväksytty.", NULL,
		  "approval fi, FI 1234567-1|Fjord Oy|123456|Fjord nett" },
		{ "en", "Good news", "We have approved the sales unit Fjord nett (MSN 123456) of Fjord AS, org. no. 987 654 325.", NULL,
		  "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "a list of nouns", "Begge er godkjent", "Org.nr 987654325, firma Fjord AS, MSN 123456, salgssted Fjord nett\nMSN 123457, salgssted Fjord by, firma Fjord AS, org.nr 987654325", NULL, TWO },
		{ "a list of nouns, a comma in a name", "er godkjent", "~MSN 123456, salgssted Fjord, mat og drikke, firma Fjord AS, org.nr 987654325", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Fjord, mat og drikke" },
		{ "a list of nouns in Finnish", "Hyväksytty tänään", "~Myyntipaikka on hyväksytty.\n\nYritys Fjord Oy; Y-tunnus 1234567-1; myyntipaikka Fjord nett; MSN 123456", NULL,
		  "approval fi, FI 1234567-1|Fjord Oy|123456|Fjord nett" },
		{ "a quotation within a name", "Gode nyheter", "Vi har godkjent salgsenheten Kafé «Fjord» for Fjord AS (org.nr. 987 654 325). Den har fått MSN 123456, og dere kan bruke den nå.", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Kafé «Fjord»" },
		{ "a country behind a name", "Good news", "The sales unit Fjord nett is approved. Its MSN is 123456. The merchant is Fjord AS in Norway (org. no. 987 654 325).", NULL,
		  "approval en, NO 987654325|Fjord AS|123456|Fjord nett" },
		{ "a number like a person's", "Goda nyheter", "Säljstället ”Fjord nett” är godkänt. Det ligger under Fjord HB med organisationsnummer 551130-3405, och MSN är 123456.", NULL,
		  "approval sv, SE 5511303405|Fjord HB|123456|Fjord nett" },
		{ "a list", "Begge er godkjent", "Firmanavn: Fjord AS, organisasjonsnummer: 987654325\n\n- Fjord nett – MSN 123456\n- Fjord by – MSN 123457", NULL, TWO },
		{ "a list, numbers first", "Begge er godkjent", "Firmanavn: Fjord AS, organisasjonsnummer: 987654325\n\n- MSN 123456 - Fjord nett\n- MSN 123457 - Fjord by", NULL, TWO },
		{ "a sentence of two", "Begge er godkjent", "Firma: Fjord AS, org.nr: 987654325\n\nDette er de nye: Fjord nett (MSN 123456) og Fjord by (MSN 123457).", NULL, TWO },
		{ "a table beats a sentence", "er godkjent", "Salgsstedet «Noe annet» er i gang.\n\n" FOUR, NULL, GOOD },
		{ "facts between commas", "er godkjent", "Firma Fjord AS, org.nr. 987 654 325, salgssted Fjord nett, MSN 123456, type Betaling", NULL, GOOD },
		{ "a list item in small letters", "er godkjent", "Firmanavn: Fjord AS\nOrgnr: 987654325\n\n- www.fjord.example (MSN 123456)", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|www.fjord.example" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

#define UNIT	"\n\nSalgssted: Fjord nett\nMSN: 123456\n"
#define UNNAMED	"approval no, NO 987654325|-|123456|Fjord nett missing-merchant-name"

static void
test_a_name_in_a_sentence_has_two_ends_or_is_none(void **state)
{
	static const struct row t[] = {
		{ "behind a lead", "er godkjent", "Følgende salgssteder for Fjord AS (norsk organisasjonsnummer 987654325) er klare." UNIT, NULL, GOOD },
		{ "behind a noun", "er godkjent", "Vi ønsker kunden Fjord AS (org.nr 987654325) lykke til." UNIT, NULL, GOOD },
		{ "behind a word of sentences", "er godkjent", "Bak kiosken er Fjord AS med organisasjonsnummer 987654325." UNIT, NULL, GOOD },
		{ "at a sentence's start", "er godkjent", "Godt nytt! Fjord AS (org.nr 987654325) er i gang." UNIT, NULL, GOOD },
		{ "before its country", "er godkjent", "Vi hilser Fjord AS, Norge (org.nr 987654325)." UNIT, NULL, GOOD },
		{ "with small words in it", "er godkjent", "Eier er Mat i Fjord og Fjell AS, org.nr 987654325." UNIT, NULL,
		  "approval no, NO 987654325|Mat i Fjord og Fjell AS|123456|Fjord nett" },
		{ "in the genitive", "on hyväksytty", "Kauppiaan Ranta Oy:n (Y-tunnus 2077474-0) asiat ovat kunnossa.\n\nMyyntipaikka: Ranta\nMSN: 123456\n", NULL,
		  "approval fi, FI 2077474-0|Ranta Oy|123456|Ranta" },
		{ "a unit behind its noun", "er godkjent", "Salgsstedet Kiosken ved Fjorden er nå klart.\n\nFirma: Fjord AS\nOrgnr: 987654325\nMSN: 123456\n", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Kiosken ved Fjorden" },
		{ "a legal form ends it", "er godkjent", "Firmaet Fjord AS hos oss er i gang.\n\nOrgnr: 987654325" UNIT, NULL, GOOD },
		{ "quotation marks within", "Approved", "The sales unit Pub \"Tower\" Bar, and its merchant serial number is 123456, has been approved.\n\nCompany: Fjord AS\n"
		  "Org no: 987654325\n", NULL, "approval en, NO 987654325|Fjord AS|123456|Pub \"Tower\" Bar" },
		{ "two units behind their nouns", "er godkjent", "Salgsstedet Fjord nett er klart, og salgsstedet Fjord by er klart.\n\nFirma: Fjord AS\nOrgnr: 987654325\nMSN: 123456\n", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Fjord nett conflict" },
		{ "what leads may belong to it", "er godkjent", "Mat for Fjord AS (org.nr 987654325) kan starte." UNIT, NULL, UNNAMED },
		{ "a comma may belong to it", "er godkjent", "Vi hilser Sand, Fjord AS (org.nr 987654325)." UNIT, NULL, UNNAMED },
		{ "a short word's point may belong to it", "er godkjent", "Dr. Fjord AS (org.nr 987654325) kan starte." UNIT, NULL, UNNAMED },
		{ "another's name", "er godkjent", "Vår partner Fjord AS (org.nr 987654325) kan starte." UNIT, NULL, UNNAMED },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_what_stands_around_a_label_says_what_it_is(void **state)
{
	static const struct row t[] = {
		{ "a value that is a label's word", "er godkjent", "Firmanavn|Fjord AS\nOrgnr|987654325\nKanal|I butikk\nMSN|123456\nSalgssted|Fjord nett\nNotat|Salgssted", NULL, GOOD },
		{ "colons in cells of their own", "er godkjent", "Orgnr|:|987654325\nFirmanavn|:|Fjord AS\nMSN|:|123456\nSalgssted|:|Fjord nett", NULL, GOOD },
		{ "names by what stands beside them", "er godkjent", "Navn: Fjord nett\nMSN: 123456\n\nNavn: Fjord AS\nOrganisasjonsnummer: 987654325\nVi har nå alt på plass, hilsen oss.", NULL, GOOD },
		{ "a person's name below the facts", "er godkjent", "Orgnr: 987654325\nFirmanavn: Fjord AS\nMSN: 123456\nNavn: Ola Fjord\nTelefon: 22 33 44 55\n", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|- missing-sales-unit-name" },
		{ "a column of names", "er godkjent", "Firmanavn: Fjord AS\nOrgnr: 987654325\n\nNavn|MSN\nFjord nett|123456\nFjord by|123457", NULL, TWO },
		{ "framed headlines", "er godkjent", "~== Firma ==\nNavn: Fjord AS\nOrgnr: 987654325\n-- Salgssted --\nNavn: Fjord nett\nMSN: 123456\n", NULL, GOOD },
		{ "a sentence of label's words is none", "er godkjent", "Salgsstedet ditt er godkjent.\n\nKontakt: Ola Fjord\n\nFirma: Fjord AS\nOrgnr: 987654325\nMSN: 123456\n", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|- missing-sales-unit-name" },
		{ "a headline is none", "er godkjent", "Godkjent salgssted\n\nFor Ola\n\nFirma: Fjord AS\nOrgnr: 987654325\nMSN: 123456\n", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|- missing-sales-unit-name" },
		{ "a footer below a signature", "er godkjent", FOUR "\nVipps MobilePay\n\nStorgata 1, Oslo\nOrg.nr. 912 345 674", NULL, GOOD },
		{ "no footer: an MSN follows", "er godkjent", FOUR "\nVipps MobilePay\n\nOrg.nr. 912 345 674\nMSN: 123457", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Fjord nett conflict, NO 912345674|-|123457|- check-digit missing-merchant-name conflict missing-sales-unit-name" },
		{ "pairs of an MSN's digits", "er godkjent", "Orgnr: 987654325\nFirmanavn: Fjord AS\nMSN: 12 34 56\nSalgssted: Fjord nett", NULL, GOOD },
		{ "groups that could be MSNs", "er godkjent", "Orgnr: 987654325\nFirmanavn: Fjord AS\nMSN: 1234 5678\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Fjord AS|-|Fjord nett msn-form" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_a_shared_label_and_a_written_form_say_the_scheme(void **state)
{
#define SCHEME(number, name) "Organisation number: " number "\nMerchant: " name "\nMSN: 123456\nSales unit: B"
	static const struct row t[] = {
		{ "nine digits", "Approved", SCHEME("987 654 325", "A"), NULL, "approval en, NO 987654325|A|123456|B" },
		{ "ten digits", "Approved", SCHEME("5560125790", "A"), NULL, "approval en, SE 5560125790|A|123456|B" },
		{ "seven and one", "Approved", SCHEME("1234567-1", "A"), NULL, "approval en, FI 1234567-1|A|123456|B" },
		{ "eight, Danish company", "Approved", SCHEME("12345674", "A ApS"), NULL, "approval en, DK 12345674|A ApS|123456|B" },
		{ "eight, Finnish company", "Approved", SCHEME("12345671", "A Oy"), NULL, "approval en, FI 1234567-1|A Oy|123456|B" },
		{ "eight", "Approved", SCHEME("12345674", "A"), NULL, "approval en, - -|A|123456|B scheme-unknown" },
		{ "eight of a country", "Approved", "Danish " SCHEME("12345674", "A"), NULL, "approval en, DK 12345674|A|123456|B" },
		{ "a wrong digit", "Approved", SCHEME("987654321", "A"), NULL, "approval en, NO 987654321|A|123456|B check-digit" },
		{ "two schemes in one label", "er godkjent", "Org.nr./CVR-nr.: 12345674\nFirmanavn: A\nMSN: 123456\nNavn på salgssted: B", NULL, "approval no, DK 12345674|A|123456|B" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_several_units_share_their_merchant(void **state)
{
	static const struct row t[] = {
		{ "header row", "Begge er godkjent", "Organisasjonsnummer|987654325\nFirmanavn|Fjord AS\n\n"
		  "MSN|Navn på salgssted\n123456|Fjord nett\n123457|Fjord by", NULL, TWO },
		{ "header row of all", "Begge er godkjent", "Organisasjonsnummer|Status|Firmanavn|MSN|Navn på salgssted\n"
		  "987654325|OK|Fjord AS|123456|Fjord nett\n987654325|OK|Fjord AS|123457|Fjord by", NULL, TWO },
		{ "columns", "Begge er godkjent", "Organisasjonsnummer|987654325\nFirmanavn|Fjord AS\n"
		  "Navn på salgssted|Fjord nett|Fjord by\nMSN|123456|123457", NULL, TWO },
		{ "blocks", "Begge er godkjent", FOUR "\nMSN: 123457\nNavn på salgssted: Fjord by", NULL, TWO },
		{ "whole blocks", "Begge er godkjent", FOUR "\nOrganisasjonsnummer: 987654325\nFirmanavn: Fjord AS\nMSN: 123457\n"
		  "Navn på salgssted: Fjord by", NULL, TWO },
		{ "merchant last", "Begge er godkjent", "MSN: 123456\nNavn på salgssted: Fjord nett\nMSN: 123457\nNavn på salgssted: Fjord by\n"
		  "Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS", NULL, TWO },
		{ "equal names", "Begge er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS\nNavn på salgssted: Nett\nMSN: 123456\n"
		  "Navn på salgssted: Nett\nMSN: 123457", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Nett, NO 987654325|Fjord AS|123457|Nett" },
		{ "said twice", "Salgsstedet er godkjent", FOUR "\n" FOUR, NULL, GOOD },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_what_is_unclear_is_a_doubt(void **state)
{
	static const struct row t[] = {
		{ "check digit", "er godkjent", "Organisasjonsnummer: 987654321\nFirmanavn: Fjord AS\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654321|Fjord AS|123456|Fjord nett check-digit" },
		{ "form", "er godkjent", "Organisasjonsnummer: 12345674\nFirmanavn: Fjord AS\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, - -|Fjord AS|123456|Fjord nett org-number-form" },
		{ "no scheme", "Approved", "Organisation number: 12345674\nMerchant: Fjord\nMSN: 123456\nSales unit: Fjord nett", NULL,
		  "approval en, - -|Fjord|123456|Fjord nett scheme-unknown" },
		{ "a sentence against the label", "er godkjent", "Salgsstedet med MSN 123465 er godkjent.\n" FOUR, NULL,
		  GOOD "; conflict" },
		{ "another organisation in the intro", "er godkjent", "Vi har godkjent avtalen (org.nr. 987654333).\n" FOUR, NULL,
		  GOOD "; conflict" },
		{ "two MSNs after one label", "er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS\nMSN: 123456, 123457\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Fjord AS|-|Fjord nett msn-form" },
		{ "an MSN marked as another's", "er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS\nMSN: 123456 (test)\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Fjord AS|-|Fjord nett msn-form" },
		{ "the old MSN", "er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS\nSalgssted: Fjord nett\n\nTidligere MSN 123456.", NULL,
		  "approval no, NO 987654325|Fjord AS|-|Fjord nett missing-msn" },
		{ "a name that could be cut in two ways", "er godkjent", "Mat for Alle AS (org.nr. 987654325) er godkjent.\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|-|123456|Fjord nett missing-merchant-name" },
		{ "a headline over a sentence", "er godkjent", "Deres nye salgssted\nDere har nå fått et nytt salgssted.\n\nOrg.nr: 987654325\nFirma: Fjord AS\nMSN: 123456", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|- missing-sales-unit-name" },
		{ "an unlabelled number", "er godkjent", "Fjord AS (987 654 325) er godkjent.\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, - -|-|123456|Fjord nett missing-org-number missing-merchant-name" },
		{ "a label of two countries, form of neither", "er godkjent", "Orgnr: 12345674\nFirmanavn: Fjord AS\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, - -|Fjord AS|123456|Fjord nett scheme-unknown" },
		{ "another country", "er godkjent", FOUR "Land: Danmark", NULL,
		  "approval no, - -|Fjord AS|123456|Fjord nett org-number-form" },
		{ "MSN in a longer number", "er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Fjord AS\nMSN: 12345678901\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Fjord AS|-|Fjord nett msn-form" },
		{ "missing", "er godkjent", "Organisasjonsnummer: 987654325\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|-|-|Fjord nett missing-merchant-name missing-msn" },
		{ "two MSNs, one name", "er godkjent", FOUR "MSN: 123457", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Fjord nett conflict, NO 987654325|Fjord AS|123457|- conflict missing-sales-unit-name" },
		{ "two merchants, one unit", "er godkjent", FOUR "Organisasjonsnummer: 987654333", NULL,
		  "approval no, NO 987654325|Fjord AS|123456|Fjord nett conflict" },
		{ "a label as value", "er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|-|123456|Fjord nett missing-merchant-name" },
		{ "parts disagree", "er godkjent", FOUR, "Organisasjonsnummer|987654325\nFirmanavn|Fjord AS\nMSN|123457\nSalgssted|Fjord nett",
		  GOOD "; parts-disagree" },
		{ "parts differ in units", "er godkjent", FOUR, FOUR "MSN: 123457\nSalgssted: Fjord by", TWO "; parts-disagree" },
		{ "parts agree", "er godkjent", FOUR, "Organisasjonsnummer|987654325\nFirmanavn|Fjord AS\nMSN|123456\nNavn på salgssted|Fjord nett", GOOD },
		{ "facts that only the plain text has", "er godkjent", FOUR, "Velkommen til Vipps.", GOOD "; parts-disagree" },
		{ "a stub", "er godkjent", "Vis denne e-posten som HTML.", FOUR, GOOD },
		{ "a bidi control", "er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Fjord \xe2\x80\xae" "AS\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Fjord \xe2\x80\xae" "AS|123456|Fjord nett bidi-characters" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_words_in_values_decide_nothing(void **state)
{
	static const struct row t[] = {
		{ "a decline as name", "Ikke godkjent AS er godkjent", "Hei Ikke godkjent AS\n\nOrganisasjonsnummer: 987654325\nFirmanavn: Ikke godkjent AS\n"
		  "MSN: 123456\nNavn på salgssted: Avslag", NULL, "approval no, NO 987654325|Ikke godkjent AS|123456|Avslag" },
		{ "a label as name", "Salgsstedet er godkjent", "Organisasjonsnummer|987654325\nFirmanavn|MSN: 999999\nMSN|123456\nNavn på salgssted|Fjord nett", NULL,
		  "approval no, NO 987654325|MSN: 999999|123456|Fjord nett" },
		{ "a label as name after a colon", "Salgsstedet er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: MSN: 999999\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|MSN: 999999|123456|Fjord nett" },
		{ "approval as name", "Ditt salgssted", "Firmanavn: Er godkjent AS\nOrganisasjonsnummer: 987654325\nMSN: 123456\nSalgssted: Er godkjent", NULL, " no" },
		{ "a name that parts is from approved", "Svar", "Søknaden er dessverre ikke godkjent.\n\nOrganisasjonsnummer: 987654325\n"
		  "Firmanavn: dessverre ikke\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|dessverre ikke|123456|Fjord nett; kind-conflict" },
		{ "not yet as name", "Your order", "Your order has not yet been approved.\n\nOrganisation number: NO987654325\nMerchant name: A\n"
		  "MSN: 123456\nSales unit name: not yet", NULL, "approval en, NO 987654325|A|123456|not yet; kind-conflict" },
		{ "a name that takes the not out of one of two sentences", "Salgsstedet er godkjent", "Salgsstedet er godkjent.\nSøknaden er ikke godkjent.\n\n"
		  "Organisasjonsnummer: 987654325\nFirmanavn: er ikke\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|er ikke|123456|Fjord nett; kind-conflict" },
		{ "a name that says no by itself, in a sentence", "Salgsstedet er godkjent", "Salgsstedet Avslått Kaffe AS er godkjent.\n\n"
		  "Organisasjonsnummer: 987654325\nFirmanavn: Avslått Kaffe AS\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Avslått Kaffe AS|123456|Fjord nett" },
		{ "a name of one word elsewhere", "Avslag er godkjent", "Organisasjonsnummer: 987654325\nFirmanavn: Avslag\nMSN: 123456\nSalgssted: Fjord nett", NULL,
		  "approval no, NO 987654325|Avslag|123456|Fjord nett; kind-conflict" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_sentences_decide_the_kind(void **state)
{
	static const struct row t[] = {
		{ "no",	"Svar", "Søknaden ble ikke godkjent.\n\n" FOUR, NULL, "declined no" },
		{ "no, wrapped", "Svar", "~Salgsstedet er dessverre ikke\ngodkjent.\n\n" FOUR, NULL, "declined no" },
		{ "no, later", "Bestilling", "Salgsstedet blir godkjent når avtalen er signert.\n\n" FOUR, NULL, "received no" },
		{ "nn", "Svar", "Søknaden dykkar er ikkje godkjend.\n\nOrganisasjonsnummer: 987654325\nMSN: 123456", NULL, "declined nn" },
		{ "da", "Svar", "Ansøgningen er ikke godkendt.\n\nCVR-nummer: 12345674\nMSN: 123456", NULL, "declined da" },
		{ "sv", "Svar", "Ansökan har inte godkänts.\n\nOrganisationsnummer: 5560125790\nMSN: 123456", NULL, "declined sv" },
		{ "fi", "Hakemus", "Hakemusta ei voitu hyväksyä.\n\nY-tunnus: 1234567-1\nMSN: 123456", NULL, "declined fi" },
		{ "en", "Your order", "Your order has not been approved.\n\nOrganisation number: NO987654325\nMSN: 123456", NULL, "declined en" },
		{ "en, later", "Your order", "It will be approved once the agreement is signed.\n\nOrganisation number: NO987654325\nMSN: 123456", NULL, "received en" },
		{ "en, once", "Your order", "Once your order has been approved, you will hear from us.\n\nOrganisation number: NO987654325\nMSN: 123456", NULL, "received en" },
		{ "en, received and approved", "Your order", "We have received your order, and it is now approved.\n\nBusiness identifier: NO987654325\n"
		  "Merchant name: A\nMSN: 123456\nSales unit name: B", NULL, "approval en, NO 987654325|A|123456|B" },
		{ "en, after", "Your order", "After reviewing your order, we have approved it.\n\nBusiness identifier: NO987654325\n"
		  "Merchant name: A\nMSN: 123456\nSales unit name: B", NULL, "approval en, NO 987654325|A|123456|B" },
		{ "no, after", "Svar", "Etter at vi har gått gjennom søknaden, er avtalen nå godkjent.\n\n" FOUR, NULL, GOOD },
		{ "no, only after", "Svar", "Dere får svar etter at avtalen er godkjent.\n\n" FOUR, NULL, "received no" },
		{ "en, no longer", "Your order", "Your sales unit is not currently approved.\n\n" EN, NULL, "declined en" },
		{ "en, never", "Your order", "Your order has never been approved.\n\n" EN, NULL, "declined en" },
		{ "en, others", "Your order", "Only approved merchants can use this.\n\n" EN, NULL, " en" },
		{ "en, revoked", "Your order", "The sales unit was approved, and the approval has been revoked.\n\n" EN, NULL, "deactivated en" },
		{ "en, assuming", "Your order", "Assuming the check is approved, this is yours:\n\n" EN, NULL, "received en" },
		{ "en, a word in the subject", "Approved: A", EN "Merchant name: A\nSales unit name: B", NULL, "approval en, NO 987654325|A|123456|B" },
		{ "en, a word by itself", "Your order", "Status|Approved\n\n" EN "Merchant name: A\nSales unit name: B", NULL,
		  "approval en, NO 987654325|A|123456|B" },
		{ "fi, words between", "Hakemus", "Hakemustanne ei ole valitettavasti tällä kertaa hyväksytty.\n\nY-tunnus: 1234567-1\nMSN: 123456", NULL, "declined fi" },
		{ "no, words between", "Svar", "Salgsstedet er ikke lenger endelig godkjent.\n\n" FOUR, NULL, "declined no" },
		{ "no, taken back", "Svar", "Salgsstedet var godkjent, men godkjenningen er trukket tilbake. Den ble godkjent ved en feiltakelse.\n\n" FOUR, NULL, "other no" },
		{ "a sandbox", "Your order", "Your sandbox is approved.\n\n" EN, NULL, "test-unit en" },
		{ "test unit", "Approved", "Your agreement is approved. This is your test sales unit.\n\nMSN: 123456\nSales unit: Test", NULL, "test-unit en" },
		{ "more", "Approved soon", "We need more information about your company.\n\nMerchant name: A", NULL, "needs-information en" },
		{ "closed", "Ert säljställe", "Ert säljställe har inaktiverats.", NULL, "deactivated sv" },
		{ "words without fields", "Godkjent", "Søknaden er godkjent.", NULL, " no" },
		{ "nothing", "Lunch?", "On Thursday, with you?", NULL, " en" },
	};

	(void)state;
	check_rows(t, COUNT(t));
}

static void
test_replies_and_bounces_are_no_approvals(void **state)
{
	struct arena	a = {0};
	struct document	d = document_of(&a, "Salgsstedet er godkjent", FOUR, NULL);

	(void)state;
	d.auto_submitted = SPAN_LIT("auto-generated");
	assert_string_equal(told(shipped, &d, &a), GOOD);
	d.auto_submitted = SPAN_LIT("auto-replied (holiday)");
	assert_string_equal(told(shipped, &d, &a), "other no");
	d.auto_submitted = SPAN_LIT("");
	d.reply = true;
	assert_string_equal(told(shipped, &d, &a), "other no");
	d.reply = false;
	d.report = true;
	assert_string_equal(told(shipped, &d, &a), "other no");
	d.report = false;
	d.subject = SPAN_LIT("SV: Salgsstedet er godkjent");
	assert_string_equal(told(shipped, &d, &a), "other no");
	d.subject = SPAN_LIT("Automatic reply: Salgsstedet er godkjent");
	assert_string_equal(told(shipped, &d, &a), "other no");
	d.subject = SPAN_LIT("Salgsstedet er godkjent");
	d.parts[0].lines[0].quote = 1;
	assert_string_equal(told(shipped, &d, &a), GOOD "; forwarded");
	arena_free(&a);
}

static void
test_bounds_hold(void **state)
{
	struct arena		 a = {0};
	struct arena_buf	 b = {.arena = &a};
	struct document		 d;
	struct extraction	 x;
	struct err		 e;

	(void)state;
	arena_puts(&b, FOUR);
	for (int i = 0; i < 60; i++)
		arena_putf(&b, "MSN: %d\nSalgssted: nr %d\n", 200000 + i, i);
	d = document_of(&a, "er godkjent", b.p, NULL);
	assert_int_equal(extract(shipped, &d, &a, &x, &e), 0);
	assert_int_equal(x.count, EXTRACT_MAX_CLAIMS);
	assert_string_equal(x.reasons.list[0].code, "too-many-claims");

	b.n = 0;
	arena_puts(&b, "Organisasjonsnummer: 987654325\nMSN: 123456\nSalgssted: A\nFirmanavn: ");
	for (int i = 0; i < EXTRACT_MAX_VALUE; i++)
		arena_puts(&b, "å");
	d = document_of(&a, "er godkjent", b.p, NULL);
	assert_int_equal(extract(shipped, &d, &a, &x, &e), 0);
	assert_int_equal(x.claims[0].value[FIELD_MERCHANT_NAME].n, EXTRACT_MAX_VALUE);
	assert_int_equal(x.claims[0].evidence[FIELD_MERCHANT_NAME].text.n, EXTRACT_MAX_EVIDENCE);
	assert_string_equal(x.claims[0].reasons.list[0].code, "value-cut");

	d.parts = arena_array(&a, DOCUMENT_MAX_PARTS + 1, sizeof(*d.parts));
	d.count = DOCUMENT_MAX_PARTS + 1;
	assert_int_equal(extract(shipped, &d, &a, &x, &e), -1);
	assert_int_equal(e.kind, ERR_REJECT);
	arena_free(&a);
}

static void
test_the_trace_says_why_the_others_did_not_fit(void **state)
{
	static const char *const want[] = {
		"vipps-bounce: rules/vipps-mobilepay.yaml:", "none of \"report\" and 2 more\n",
		"vipps-approval-subject: vipps-approval comes first\n",
	};
	struct arena		 a = {0};
	struct document		 d = document_of(&a, "er godkjent", FOUR, NULL);
	struct extraction	 x;
	struct err		 e;

	(void)state;
	assert_int_equal(extract(shipped, &d, &a, &x, &e), 0);
	assert_string_equal(x.rule, "vipps-approval");
	for (size_t i = 0; i < COUNT(want); i++)
		assert_true(span_find(x.trace, span_of(want[i]), 0) >= 0);
	arena_free(&a);
}

static void
test_an_operator_can_add_a_template(void **state)
{
	static const char yaml[] =
	    "rules:\n"
	    "  - name: ours\n    kind: approval\n    priority: 500\n    language: en\n"
	    "    when:\n      - {in: subject, all: [welcome aboard]}\n      - {in: body, any: [{pattern: ' ref [0-9]+ '}]}\n"
	    "    labels:\n      msn:\n        - {words: [shop key]}\n"
	    "    patterns:\n      - {scheme: 'business:DK:CVR', pattern: 'for (?<merchant_name>.+?) \\(VAT (?<org_number>\\S+)\\)'}\n"
	    "  - name: slow\n    kind: other\n    priority: 600\n    when:\n      - any: [{pattern: '^( a+)+$'}]\n";
	char		 path[] = "/tmp/test_extract.XXXXXX";
	const char	*paths[] = {"rules/vipps-mobilepay.yaml", path, NULL}, *errors;
	struct arena	 a = {0};
	struct rules	*r;
	struct err	 e;
	struct document	 d;
	int		 fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, yaml, sizeof(yaml) - 1), (ssize_t)sizeof(yaml) - 1);
	close(fd);
	assert_int_equal(rules_open(paths, &a, &r, &errors, &e), 0);
	unlink(path);
	d = document_of(&a, "Welcome aboard!", "Ref 12 for Smørrebrød ApS (VAT DK12345674)\n\nShop key: 123456\nSales unit: Ærø", NULL);
	assert_string_equal(told(r, &d, &a), "approval en, DK 12345674|Smørrebrød ApS|123456|Ærø");
	d = document_of(&a, "Shop", "Shop key: 123456", NULL);
	assert_string_equal(told(r, &d, &a), " ");
	d = document_of(&a, "er godkjent", FOUR "\naa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa b", NULL);
	assert_string_equal(told(r, &d, &a), GOOD);
	rules_close(r);
	arena_free(&a);
}

static void
test_reasons_are_kept_once_and_known(void **state)
{
	struct reasons r = {0};

	(void)state;
	reasons_add(&r, "name-differs", false, FIELD_MERCHANT_NAME);
	reasons_add(&r, "name-differs", false, FIELD_MERCHANT_NAME);
	assert_int_equal(r.count, 1);
	assert_false(reasons_doubt(&r));
	reasons_add(&r, "conflict", true, -1);
	assert_true(reasons_doubt(&r));
	assert_true(reason_known(SPAN_LIT("conflict"))->doubt);
	assert_false(reason_known(SPAN_LIT("arrival-unknown"))->doubt);
	assert_null(reason_known(SPAN_LIT("because")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_are_found_in_every_layout),
		cmocka_unit_test(test_labels_are_read_in_words_that_no_list_has),
		cmocka_unit_test(test_several_labels_in_one_line_are_parted),
		cmocka_unit_test(test_marks_that_part_fields_end_names),
		cmocka_unit_test(test_a_table_may_be_drawn_with_any_marks),
		cmocka_unit_test(test_sentences_and_lists_give_names_that_have_edges),
		cmocka_unit_test(test_a_name_in_a_sentence_has_two_ends_or_is_none),
		cmocka_unit_test(test_what_stands_around_a_label_says_what_it_is),
		cmocka_unit_test(test_a_shared_label_and_a_written_form_say_the_scheme),
		cmocka_unit_test(test_several_units_share_their_merchant),
		cmocka_unit_test(test_what_is_unclear_is_a_doubt),
		cmocka_unit_test(test_words_in_values_decide_nothing),
		cmocka_unit_test(test_sentences_decide_the_kind),
		cmocka_unit_test(test_replies_and_bounces_are_no_approvals),
		cmocka_unit_test(test_bounds_hold),
		cmocka_unit_test(test_the_trace_says_why_the_others_did_not_fit),
		cmocka_unit_test(test_an_operator_can_add_a_template),
		cmocka_unit_test(test_reasons_are_kept_once_and_known),
	};

	return cmocka_run_group_tests(tests, open_rules, close_rules);
}
