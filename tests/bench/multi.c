/*
 * multi - the least that many questions cost: GETs over one libcurl multi handle, so many at once
 *
 *	multi CA-FILE CONCURRENT URL-FILE FIELD-FILE
 *
 * URL-FILE has a URL a line, FIELD-FILE the header fields of each request. A process of its own with the libcurl that
 * approvals links, for tests/bench/enrich.py to compare `approvals enrich` with. Answers are dropped; how many came with
 * status 200 is printed, and any other ends it with 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define MAX_LINE	4096
#define MAX_CONCURRENT	64

static size_t
nothing(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

/* The next line as a request, or 0 at the end. */
static int
next(FILE *urls, CURLM *multi, CURL *easy, const char *ca, struct curl_slist *headers)
{
	char url[MAX_LINE];

	if (fgets(url, sizeof(url), urls) == NULL)
		return 0;
	url[strcspn(url, "\n")] = '\0';
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, nothing);
	return curl_multi_add_handle(multi, easy) == CURLM_OK;
}

static struct curl_slist *
fields_read(const char *name)
{
	FILE			*f = fopen(name, "re");
	struct curl_slist	*list = NULL;
	char			 line[MAX_LINE];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		list = curl_slist_append(list, line);
	}
	if (f != NULL)
		fclose(f);
	return list;
}

int
main(int argc, char **argv)
{
	FILE			*urls = argc == 5 ? fopen(argv[3], "re") : NULL;
	int			 at_once = argc == 5 ? atoi(argv[2]) : 0, running = 0, left, bad = 0, good = 0;
	struct curl_slist	*headers = NULL;
	CURL			*easy[MAX_CONCURRENT];
	CURLM			*multi = curl_multi_init();
	CURLMsg			*m;

	if (urls == NULL || multi == NULL || at_once < 1 || at_once > MAX_CONCURRENT) {
		fputs("usage: multi CA-FILE CONCURRENT URL-FILE FIELD-FILE\n", stderr);
		return 2;
	}
	headers = fields_read(argv[4]);
	for (int i = 0; i < at_once; i++) {
		easy[i] = curl_easy_init();
		running += next(urls, multi, easy[i], argv[1], headers);
	}
	while (running > 0) {
		curl_multi_perform(multi, &left);
		while ((m = curl_multi_info_read(multi, &left)) != NULL) {
			CURL *h = m->easy_handle;
			long status = 0;

			curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
			if (m->data.result == CURLE_OK && status == 200)
				good++;
			else
				bad++;
			curl_multi_remove_handle(multi, h);
			running += next(urls, multi, h, argv[1], headers) - 1;
		}
		if (running > 0)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	for (int i = 0; i < at_once; i++)
		curl_easy_cleanup(easy[i]);
	curl_slist_free_all(headers);
	curl_multi_cleanup(multi);
	fclose(urls);
	printf("%d\n", good);
	return bad == 0 ? 0 : 1;
}
