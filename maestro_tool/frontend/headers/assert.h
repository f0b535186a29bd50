/* No guard: may be included again after NDEBUG changed.  __LINE__ is not passed on: it would make the program's
 * meaning depend on its layout. */
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : maestro_assert_failed(#condition))
#endif
#undef static_assert
#define static_assert _Static_assert
#ifndef MAESTRO_ASSERT
#define MAESTRO_ASSERT
void maestro_assert_failed(const char *condition);
#endif
