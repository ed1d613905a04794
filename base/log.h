/*
 * log - one line of diagnostics on stderr: `level event key=value ...`
 *
 * Never mail text, never a secret: merchants by internal id. A value is written bare if it is made
 * of [A-Za-z0-9_.:@/+-], else in double quotes with control characters, quotes and backslashes
 * escaped, so that nothing from outside can make a second line. The level is the one mutable global.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void	log_level_set(enum log_level);
enum log_level	log_level_get(void);

/* Key and value pairs, ended by NULL: log_info("mail.read", "mail", log_num(id).s, NULL). */
void	log_debug(const char *event, ...) __attribute__((sentinel));
void	log_info(const char *event, ...) __attribute__((sentinel));
void	log_warn(const char *event, ...) __attribute__((sentinel));
void	log_error(const char *event, ...) __attribute__((sentinel));

struct log_num { char s[24]; };
struct log_num	log_num(int64_t);	/* a number as text, for the length of a call */

#endif
