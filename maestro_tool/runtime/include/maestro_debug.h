/* What happens on a misuse of the API that libVig leaves undefined (an index out of range, a full map).
 *
 * With -DMAESTRO_DEBUG: a message and abort().  Otherwise the call has no effect.  Never memory corruption.
 */
#ifndef MAESTRO_DEBUG_H
#define MAESTRO_DEBUG_H

#define MAESTRO_LIKELY(x) __builtin_expect(!!(x), 1)
#define MAESTRO_UNLIKELY(x) __builtin_expect(!!(x), 0)

#ifdef MAESTRO_DEBUG
__attribute__((noreturn, cold)) void maestro_misuse(const char *function, const char *why, long long value);
#define MAESTRO_MISUSE(why, value) maestro_misuse(__func__, why, (long long)(value))
#else
#define MAESTRO_MISUSE(why, value) ((void)0)
#endif

#endif
