/*
 * login - the least that a poll costs: connects, verifies, logs in, examines INBOX and leaves
 *
 *   login URL USER PASSWORD-FILE CA-FILE
 *
 * A process of its own with the libcurl that approvals links, for tests/bench/mailbox.py to compare a pass with that
 * finds nothing new.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define MAX_PASSWORD 256

static size_t
nothing(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

static int
password_read(const char *path, char password[MAX_PASSWORD])
{
	FILE	*f = fopen(path, "re");
	int	 rc = f != NULL && fgets(password, MAX_PASSWORD, f) != NULL ? 0 : -1;

	if (f != NULL)
		fclose(f);
	password[strcspn(password, "\r\n")] = '\0';
	return rc;
}

int
main(int argc, char **argv)
{
	char	 password[MAX_PASSWORD] = "", why[CURL_ERROR_SIZE] = "";
	CURL	*curl = argc == 5 && password_read(argv[3], password) == 0 ? curl_easy_init() : NULL;
	CURLcode code;

	if (curl == NULL) {
		fputs("usage: login URL USER PASSWORD-FILE CA-FILE\n", stderr);
		return 2;
	}
	curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
	curl_easy_setopt(curl, CURLOPT_USERNAME, argv[2]);
	curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
	curl_easy_setopt(curl, CURLOPT_CAINFO, argv[4]);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);	/* else libcurl reads the system's certificates too */
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "EXAMINE INBOX");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, nothing);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		fprintf(stderr, "login: %s: %s\n", curl_easy_strerror(code), why);
	curl_easy_cleanup(curl);
	return code == CURLE_OK ? 0 : 1;
}
