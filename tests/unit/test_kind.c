#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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

/* A plain mail of 2026 that says one thing and has all four facts. */
static struct document
mail_saying(const char *subject, const char *sentence, struct arena *a)
{
	static const char *const facts[] = {"", "Y-tunnus: 2077474-0", "Yrityksen nimi: Fjordkroa Oy", "MSN: 123456",
	    "Myyntipaikan nimi: Fjordkroa Torget", "", "Vipps MobilePay"};
	struct document_build	*b = document_begin(a, DOCUMENT_PLAIN, 0);
	struct document		 d = {.subject = span_of(subject), .from = SPAN_LIT("Vipps MobilePay"),
	    .auto_submitted = SPAN_LIT(""), .year = 2026};
	bool			 truncated = false;

	document_put_cell(b, span_of(sentence));
	document_end_line(b, 0, 0);
	for (size_t i = 0; i < COUNT(facts); i++) {
		document_put_cell(b, span_of(facts[i]));
		document_end_line(b, 0, 0);
	}
	d.parts = arena_array(a, 1, sizeof(*d.parts));
	d.parts[0] = document_end(b, &truncated);
	d.count = 1;
	return d;
}

static struct extraction
read_saying(const char *subject, const char *sentence, struct arena *a)
{
	struct document		d = mail_saying(subject, sentence, a);
	struct extraction	x;
	struct err		e;

	assert_int_equal(extract(shipped, &d, a, &x, &e), 0);
	return x;
}

static void
test_a_mail_that_approves_a_unit_is_an_approval_without_a_doubt(void **state)
{
	static const char *const t[] = {
		"Salgsstedet ditt er nå godkjent.",
		"Gratulerer! Dere er godkjent og kan ta imot betalinger.",
		"Vi har godkjent bestillingen fra Fjordkroa AS.",
		"Bestillingen er ferdigbehandlet og godkjent.",
		"Søknaden er innvilget, og salgsstedet er klart til bruk.",
		"Godkjenningen er i orden: salgsstedet under er aktivert.",
		"Salgsstedet er godkjent. Har dere ikke bestilt dette, ta kontakt.",
		"Salgsstedet er godkjent, og dere trenger ikke å gjøre noe mer.",
		"Avtalen med Vipps MobilePay er godkjent, og følgende salgssted er opprettet.",
		"Kunden din er godkjent! Her er detaljene om salgsstedet.",
		"Vi bekrefter at følgende salgssted er godkjent per 17. november 2026.",
		"Salgsstedet er godkjent. Oppgjør utbetales til kontonummeret som er registrert.",
		"Godkjent salgssted",
		"I uke 47 har vi godkjent fire salgssteder.",
		"Salgsstedet er godkjent. Nye bestillinger kan bli avslått.",
		"Your merchant's payment point has been approved.",
		"Your sales unit is live and can start accepting payments.",
		"Myyntipaikka on avattu ja voi vastaanottaa maksuja.",
		"Salgsstedet er åpnet og kan ta imot betalinger.",
		"Salgsstedet er åbnet og kan tage imod betalinger.",
		"Försäljningsstället är igång och kan börja ta emot betalningar.",
		"Dette er ei salseining som er godkjend i dag.",
		"Salgsstedet er godkjent. Husk å bytte fra testmiljøet til produksjon.",
		"The sales unit is approved. You can now switch from the test environment to production.",
		"Your sales unit has been approved.",
		"We're happy to tell you that the merchant below is approved.",
		"Good news: the order was approved today, and the unit can take payments right away.",
		"We have now approved the following sales unit.",
		"Your sales unit is approved and live. If you have questions, contact support.",
		"The sales unit is approved. You do not need to do anything else.",
		"The sales unit is approved. When your customers pay, the money is settled the next day.",
		"This is to confirm that the merchant's application for a sales unit was approved on 17 November 2026.",
		"Approval confirmed for the sales unit below.",
		"The merchant has been approved for Vipps MobilePay payments.",
		"All checks are done, and we've approved your merchant.",
		"Congratulations, your merchant is onboarded and approved!",
		"Myyntipaikkanne on nyt hyväksytty.",
		"Olemme hyväksyneet seuraavan myyntipaikan.",
		"Hakemuksenne on hyväksytty, ja voitte ottaa maksuja vastaan.",
		"Hyviä uutisia! Myyntipisteenne hyväksyttiin tänään.",
		"Tilaus on käsitelty ja hyväksytty.",
		"Myyntipaikka on hyväksytty eikä teidän tarvitse tehdä mitään.",
		"Kauppiaan hakemus on nyt hyväksytty. Jos teillä on kysyttävää, ottakaa yhteyttä.",
		"Jeres salgssted er nu godkendt.",
		"Vi har godkendt jeres bestilling.",
		"Ansøgningen er godkendt, og I kan nu tage imod betalinger.",
		"Tillykke, salgsstedet er godkendt! Hvis I har spørgsmål, så skriv til os.",
		"Bestillingen er behandlet og godkendt.",
		"Ert försäljningsställe är nu godkänt.",
		"Vi har godkänt er beställning.",
		"Ansökan har godkänts och ni kan börja ta emot betalningar.",
		"Grattis! Säljstället är godkänt. Har ni frågor är ni välkomna att höra av er.",
		"Beställningen är granskad och godkänd.",
		"Salsstaden er no godkjend.",
		"Vi har godkjent bestillinga.",
		"Søknaden er godkjend, og de kan ta imot betalingar.",
		"Velkommen! Salgsstedet er aktivert og kan nå ta imot betalinger.",
		"Deres nye salgssted er godkjent og tildelt MSN-et nedenfor.",
		"Status for bestillingen: Godkjent",
		"Vi er glade for å kunne fortelle at søknaden er godkjent.",
		"Dere har fått godkjent et nytt salgssted.",
		"Salgsstedet er godkjent fra og med i dag. Når en kunde betaler, får dere oppgjør dagen etter.",
		"Salgsstedet er godkjent. Svar ikke på denne e-posten.",
		"We are pleased to inform you that your customer's sales unit was approved this morning.",
		"Status: Approved",
		"The agreement is approved. Below are the details of the new sales unit.",
		"It's official: your sales unit is approved!",
		"Approved! Your new sales unit is ready.",
		"Please do not reply to this message. The sales unit below has been approved.",
		"The merchant you signed up has now been approved, and a sales unit has been created.",
		"Your sales unit is approved, not only for the web shop but also for the physical store.",
		"Ilmoitamme ilolla, että myyntipaikka on hyväksytty.",
		"Tila: Hyväksytty",
		"Uusi myyntipiste on hyväksytty ja käytettävissä heti.",
		"Myyntipaikkanne on hyväksytty. Älkää vastatko tähän viestiin.",
		"Vi kan med glæde meddele, at salgsstedet er godkendt.",
		"Status: Godkendt",
		"Salgsstedet er godkendt. Du kan ikke svare på denne mail.",
		"Jeres nye salgssted er godkendt og har fået MSN'et nedenfor.",
		"Vi är glada att kunna meddela att försäljningsstället är godkänt.",
		"Status: Godkänd",
		"Ert nya säljställe är godkänt och har fått numret nedan.",
		"Försäljningsstället är godkänt. Det går inte att svara på det här mejlet.",
		"Gratulerer, salsstaden er godkjend!",
		"Vi kan stadfeste at salsstaden er godkjend. Du kan ikkje svare på denne e-posten.",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		a = {0};
		struct extraction	x = read_saying("Vipps MobilePay", t[i], &a);

		if (x.kind != RULE_APPROVAL || reasons_doubt(&x.reasons))
			fail_msg("%s: %s by %s", t[i], rule_kind_name(x.kind), x.rule);
		assert_int_equal(x.count, 1);
		arena_free(&a);
	}
}

static void
test_a_mail_that_speaks_of_approval_and_gives_none_is_no_approval(void **state)
{
	static const char *const t[] = {
		"No merchant has been approved.",
		"No sales unit is approved yet.",
		"Hardly any sales unit is approved.",
		"It is false that your sales unit is approved.",
		"Inget försäljningsställe är godkänt.",
		"Tilgangen som ble bestilt av daglig leder, er godkjent.",
		"Salgsstedet ble godkjent allerede i april.",
		"Försäljningsstället godkändes redan i våras.",
		"Your request has been approved. We will refund the customer within two days.",
		"Your sales unit is not live yet.",
		"Is your sales unit live?",
		"Your sales unit will be live on Monday.",
		"Salgsstedet er ikke klart ennå.",
		"Endringen av kontonummer er godkjent.",
		"Søknaden om nytt kontonummer er godkjent.",
		"Har salgsstedet ditt blitt godkjent?",
		"Salgsstedet ble godkjent i 2021.",
		"Vi kan dessverre ikke si at salgsstedet deres er godkjent.",
		"Salgsstedet er dessverre, etter en grundig vurdering, ikke godkjent.",
		"Salgsstedet blir godkjent så snart dere har signert.",
		"Når dere har signert avtalen, er salgsstedet godkjent.",
		"Vi har mottatt bestillingen, og den er til godkjenning.",
		"Refusjonen er godkjent og pengene er på vei.",
		"Ny prispakke er godkjent for salgsstedet.",
		"Dere er godkjent som partner.",
		"Vi behandler søknaden. Du får beskjed når den er godkjent.",
		"Bestillingen ble avvist.",
		"Bestillingen er nesten godkjent, vi mangler bare en signatur.",
		"Salgsstedet er godkjent for testing i testmiljøet.",
		"Vi venter på at salgsstedet blir godkjent.",
		"Betalinger som er godkjent av kunden, gjøres opp neste dag.",
		"Salgsstedet er stengt.",
		"Kontaktpersonen er godkjent av banken.",
		"The change of account number for your sales unit has been approved.",
		"Your sales unit has not been approved.",
		"We regret that the sales unit could not be approved.",
		"Your application does not meet our requirements for approval.",
		"Once your documents are approved, we will activate the sales unit.",
		"Your sales unit will be approved once the agreement is signed.",
		"Has your sales unit been approved?",
		"Your sales unit was approved in 2021. Please confirm your data.",
		"Your sales unit is approved subject to verification of the bank account.",
		"Your price package has been approved.",
		"Your refund request is approved.",
		"The user access you asked for has been approved.",
		"Nobody has approved your sales unit yet.",
		"Your sales unit is awaiting approval.",
		"If approved, the sales unit gets the MSN below.",
		"This sales unit is no longer approved.",
		"Your order is being reviewed and has yet to be approved.",
		"The approval was sent by mistake.",
		"Get approved today and start selling!",
		"Payments approved by your customers yesterday: 14.",
		"Approval of the sales unit has been refused.",
		"Only merchants whose sales unit is approved can take payments.",
		"We were unable to have the sales unit approved.",
		"Myyntipaikkaa ei ole hyväksytty.",
		"Myyntipaikkaanne ei valitettavasti voitu hyväksyä.",
		"Tilinumeron muutos on hyväksytty.",
		"Hyväksymme myyntipaikan, kun olette allekirjoittaneet sopimuksen.",
		"Myyntipaikka hyväksytään, kun sopimus on allekirjoitettu.",
		"Onko myyntipaikkanne hyväksytty?",
		"Palautus on hyväksytty.",
		"Testimyyntipaikkanne on hyväksytty.",
		"Myyntipaikka hyväksyttiin vuonna 2021. Vahvistakaa tiedot.",
		"Hintapakettinne on hyväksytty.",
		"Hakemuksenne on vastaanotettu ja odottaa hyväksyntää.",
		"Hakemus hylättiin.",
		"Ændringen af kontonummer er godkendt.",
		"Salgsstedet kunne desværre ikke godkendes.",
		"Salgsstedet bliver godkendt, når I har underskrevet aftalen.",
		"Er jeres salgssted blevet godkendt?",
		"Jeres salgssted blev godkendt i 2021.",
		"Refunderingen er godkendt.",
		"Jeres testsalgssted er godkendt.",
		"Vi har ikke modtaget alle dokumenter, så salgsstedet er endnu ikke godkendt.",
		"Ejerskiftet er godkendt.",
		"Ändringen av kontonummer är godkänd.",
		"Försäljningsstället kunde tyvärr inte godkännas.",
		"Försäljningsstället godkänns så snart ni har signerat avtalet.",
		"Har ert försäljningsställe blivit godkänt?",
		"Återbetalningen har godkänts.",
		"Er ansökan är under behandling och har inte godkänts än.",
		"Ert testförsäljningsställe är godkänt.",
		"Försäljningsstället godkändes 2021. Bekräfta uppgifterna.",
		"Endringa av kontonummer er godkjend.",
		"Salsstaden vart diverre ikkje godkjend.",
		"Salsstaden blir godkjend når de har signert.",
		"Er salsstaden godkjend?",
		"Vi kan ikke godkjenne salgsstedet før dere har lastet opp legitimasjon.",
		"Før vi kan godkjenne salgsstedet, trenger vi flere opplysninger.",
		"Salgsstedet ble ikke godkjent, men dere kan søke på nytt.",
		"Salgsstedet er foreløpig godkjent.",
		"Takk for søknaden! Vi gir beskjed når salgsstedet er godkjent.",
		"Godkjenningen er trukket tilbake.",
		"Du må godkjenne de nye vilkårene innen fredag.",
		"Eierskiftet er godkjent og registrert.",
		"Logoen dere lastet opp er godkjent.",
		"Salgsstedet er ikke lenger godkjent.",
		"Please approve the new terms before Friday.",
		"Approval pending.",
		"Your sales unit is almost approved: we only need a signature.",
		"The sales unit's logo has been approved.",
		"Thanks for your application! You will hear from us when it has been approved.",
		"Approval withdrawn: the sales unit below can no longer take payments.",
		"The sales unit is under review and neither approved nor declined.",
		"Your sales unit will soon be approved.",
		"Provided that the bank account is verified, your sales unit is approved.",
		"The new owner of the sales unit has been approved.",
		"The website you registered has been approved.",
		"Did you know that your sales unit was approved three years ago?",
		"Each year we ask you to confirm the data of your sales unit, which was approved in 2019.",
		"Emme valitettavasti voi hyväksyä hakemustanne.",
		"Hyväksyntä on peruttu.",
		"Ilmoitamme teille, kun myyntipaikka on hyväksytty.",
		"Omistajanvaihdos on hyväksytty.",
		"Jos hakemus hyväksytään, myyntipaikka saa alla olevan numeron.",
		"Tarvitsemme lisätietoja ennen kuin voimme hyväksyä myyntipaikan.",
		"Vi giver besked, når salgsstedet er godkendt.",
		"Godkendelsen er trukket tilbage.",
		"Hvis salgsstedet bliver godkendt, får det nummeret nedenfor.",
		"Logoet er godkendt.",
		"Vi kan ikke godkende salgsstedet uden flere oplysninger.",
		"Salgsstedet er ikke længere godkendt.",
		"Vi meddelar er när försäljningsstället är godkänt.",
		"Godkännandet har återkallats.",
		"Innan vi kan godkänna försäljningsstället behöver vi mer information.",
		"Ägarbytet är godkänt.",
		"Försäljningsstället är inte längre godkänt.",
		"Vi gir beskjed når salsstaden er godkjend.",
		"Eigarskiftet er godkjent.",
		"Salsstaden er ikkje lenger godkjend.",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		a = {0};
		struct extraction	x = read_saying("Vipps MobilePay", t[i], &a);

		if (x.kind == RULE_APPROVAL)
			fail_msg("%s: approval by %s", t[i], x.rule);
		assert_int_equal(x.count, 0);
		arena_free(&a);
	}
}

static void
test_a_mail_that_says_both_is_an_approval_that_a_person_must_see(void **state)
{
	static const char *const t[] = {
		"The sales unit was approved, then rejected.",
		"The sales unit is approved but not activated.",
		"Myyntipaikka on hyväksytty, mutta sopimus puuttuu vielä.",
		"Status: Rejected. Your application has been approved.",
		"Bestillingen er godkjent. Godkjent: Nei",
		"This is an example of what an approval mail looks like: Your sales unit has been approved.",
		"Dette er et eksempel på en e-post: Salgsstedet er godkjent.",
		"Your sales unit is approved. We need more information about the bank account.",
		"Salgsstedet er godkjent. Salgsstedet er ikke godkjent for netthandel.",
		"Myyntipaikka on hyväksytty. Myyntipaikka on suljettu.",
		"We have not, at this time, approved your sales unit.",
		"Salgsstedet ble dessverre avvist. Et godkjent salgssted har nettside.",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		a = {0};
		struct extraction	x = read_saying("Vipps MobilePay", t[i], &a);

		if (x.kind != RULE_APPROVAL || !reasons_doubt(&x.reasons))
			fail_msg("%s: %s by %s, no doubt", t[i], rule_kind_name(x.kind), x.rule);
		arena_free(&a);
	}
}

static void
test_the_subject_says_what_a_mail_is_about(void **state)
{
	static const struct { const char *subject, *sentence; enum rule_kind want; } t[] = {
		{ "Your sales unit is approved",	"Here are the details.",		RULE_APPROVAL },
		{ "Godkjent: Fjordkroa Torget",		"Detaljene står under.",		RULE_APPROVAL },
		{ "Sales unit closed",			"It was approved by our team.",		RULE_DEACTIVATED },
		{ "Your sales unit has been closed",	"It was approved by our team once.",	RULE_DEACTIVATED },
		{ "Søknaden er ikke godkjent",		"Salgsstedet er godkjent av banken.",	RULE_DECLINED },
		{ "Nye vilkår",				"Endringene er godkjent av styret.",	RULE_OTHER },
		{ "SV: Your sales unit is approved",	"Thanks! The sales unit is approved.",	RULE_OTHER },
		{ "Salgsstedet er afvist",		"Et godkendt salgssted har en hjemmeside.", RULE_DECLINED },
		{ "Kundundersökning",			"Ert försäljningsställe är godkänt.",	RULE_OTHER },
		{ "Er salgsstedet ditt godkjent?",	"[ ] Ja, salgsstedet er godkjent",	RULE_NONE },
		{ "Is my sales unit approved?",		"Please tell me.",			RULE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		struct arena		a = {0};
		struct extraction	x = read_saying(t[i].subject, t[i].sentence, &a);

		if (x.kind != t[i].want)
			fail_msg("%s: %s by %s", t[i].subject, rule_kind_name(x.kind), x.rule);
		arena_free(&a);
	}
}

/* A rule file of one rule that wants the sentence `s`; true if the text has it. */
static bool
sentence_holds(const char *definition, const char *text)
{
	char		 path[] = "/tmp/test_kind.XXXXXX";
	const char	*paths[] = {path, NULL}, *errors;
	struct arena	 a = {0};
	struct rules	*r;
	struct err	 e;
	struct document	 d = mail_saying("", text, &a);
	struct extraction x;
	int		 fd = mkstemp(path);
	bool		 holds;

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "phrases: {yes: [approved, 'konto*', '*konto'], no: [not], unit: [unit], thing: [price]}\n"
	    "sentences: {s: %s}\nrules: [{name: r, kind: other, when: [{any: [{sentence: s}]}]}]\n", definition) > 0);
	close(fd);
	if (rules_open(paths, &a, &r, &errors, &e) < 0)
		fail_msg("%s", errors);
	unlink(path);
	assert_int_equal(extract(r, &d, &a, &x, &e), 0);
	holds = x.kind == RULE_OTHER;
	rules_close(r);
	arena_free(&a);
	return holds;
}

static void
test_what_stands_together_is_asked_within_a_sentence_or_a_clause(void **state)
{
	static const struct { const char *definition, *text; bool want; } t[] = {
		{ "{any: [{phrases: yes}], none: [{phrases: no}]}", "It is approved. It is not far.", true },
		{ "{any: [{phrases: yes}], none: [{phrases: no}]}", "It is approved and not far.", false },
		{ "{any: [{phrases: yes}], none: [{phrases: no, then: yes}]}", "It is approved, not far.", true },
		{ "{any: [{phrases: yes}], none: [{phrases: no, then: yes}]}", "It is not yet approved.", false },
		{ "{any: [{phrases: yes}], none: [{phrases: no, then: yes}]}", "If not you, it is approved.", true },
		{ "{all: [{phrases: thing, before: unit}]}", "The price of the unit", true },
		{ "{all: [{phrases: thing, before: unit}]}", "The unit and its price", false },
		{ "{all: [{phrases: thing, after: unit}]}", "The unit, and its price", true },
		{ "{all: [{phrases: thing, after: unit}]}", "The price of the unit", false },
		{ "{all: [{phrases: thing, before: unit, then: yes}]}", "The price is approved for the unit", true },
		{ "{all: [{phrases: thing, before: unit, then: yes}]}", "The price, approved for the unit", false },
		{ "{any: [{phrases: yes}], none: [{is: question}]}", "Is it approved?", false },
		{ "{any: [{phrases: yes}], none: [{is: question}]}", "Is it you? It is approved.", true },
		{ "{all: [{phrases: yes}, {is: past-year}]}", "It was approved in 2021", true },
		{ "{all: [{phrases: yes}, {is: past-year}]}", "It was approved in 2026", false },
		{ "{all: [{phrases: yes}], pattern: ' by us'}", "It was approved by us", true },
		{ "{all: [{phrases: yes}], pattern: ' by us'}", "It was approved by you", false },
		{ "{all: [far away]}", "It is far, away", true },
		{ "{all: [{phrases: yes}]}", "kontonummeret", true },
		{ "{all: [{phrases: yes}]}", "bankkonto", true },
		{ "{all: [{phrases: yes}]}", "underkontoer", false },
		{ "{all: [{phrases: yes}]}", "It is org.nr. 5. Approved", true },
		{ "{all: [{phrases: yes}, {phrases: no}]}", "Not so. Approved", false },
		{ "{all: [{phrases: yes}, {phrases: no}]}", "Not no. 5 is approved", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++)
		if (sentence_holds(t[i].definition, t[i].text) != t[i].want)
			fail_msg("%s: %s", t[i].definition, t[i].text);
}

/* Words are told to fit none by their first and last bytes: stems of every length must get past that. */
static void
test_a_stem_is_found_in_a_word_whatever_their_lengths(void **state)
{
	static const char	letters[] = "qwxyzv";
	char			definition[64], word[64];

	(void)state;
	for (int n = 1; n <= 6; n++)
		for (int more = 0; more <= 3; more++) {
			snprintf(definition, sizeof definition, "{all: ['%.*s*']}", n, letters);
			snprintf(word, sizeof word, "%.*s%.*s", n, letters, more, "bbb");
			assert_true(sentence_holds(definition, word));
			snprintf(word, sizeof word, "b%.*s", n, letters);
			assert_false(sentence_holds(definition, word));
			snprintf(definition, sizeof definition, "{all: ['*%.*s']}", n, letters);
			snprintf(word, sizeof word, "%.*s%.*s", more, "bbb", n, letters);
			assert_true(sentence_holds(definition, word));
			snprintf(word, sizeof word, "%.*sb", n, letters);
			assert_false(sentence_holds(definition, word));
			snprintf(definition, sizeof definition, "{all: ['*%.*s*']}", n, letters);
			snprintf(word, sizeof word, "%.*s%.*sb", more, "bbb", n, letters);
			assert_true(sentence_holds(definition, word));
			snprintf(word, sizeof word, "%.*sbb", n - 1, letters);
			assert_false(sentence_holds(definition, word));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mail_that_approves_a_unit_is_an_approval_without_a_doubt),
		cmocka_unit_test(test_a_mail_that_speaks_of_approval_and_gives_none_is_no_approval),
		cmocka_unit_test(test_a_mail_that_says_both_is_an_approval_that_a_person_must_see),
		cmocka_unit_test(test_the_subject_says_what_a_mail_is_about),
		cmocka_unit_test(test_what_stands_together_is_asked_within_a_sentence_or_a_clause),
		cmocka_unit_test(test_a_stem_is_found_in_a_word_whatever_their_lengths),
	};

	return cmocka_run_group_tests(tests, open_rules, close_rules);
}
