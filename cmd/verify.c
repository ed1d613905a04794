/* verify: is the database whole, and has nobody changed the log? */
#include <stdio.h>

#include "base/digest.h"
#include "cmd/cmd.h"
#include "store/event.h"

enum status
cmd_verify(struct app *app, int argc, char **argv)
{
	const char	*problems, *problem;
	uint8_t		 head[DIGEST_BYTES];
	int64_t		 count;
	struct err	 e;

	(void)argc;
	(void)argv;
	if (db_verify(app->db, &app->arena, &problems, &e) == -1 ||
	    event_verify(app->db, &app->arena, &count, head, &problem, &e) == -1)
		return failed("verify.failed", &e);
	if (problems)
		printf("database: broken\n%s\n", problems);
	else
		printf("database: whole\n");
	if (problem)
		printf("events: %s\n", problem);
	else
		printf("events: %lld, chain whole, head %s\n", (long long)count,
		    digest_hex(&app->arena, head, sizeof head));
	if (output_done(&e) == -1)
		return failed("verify.failed", &e);
	return problems || problem ? STATUS_DATABASE : STATUS_DONE;
}
