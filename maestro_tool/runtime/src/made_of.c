/* The symbol by which libraries of NFs know the runtime that they were compiled for: its headers, and the flags.
 *
 * A build names it; tables of NFs need it, so that with another runtime they do not link. */
#ifndef MAESTRO_RUNTIME_SYMBOL
#define MAESTRO_RUNTIME_SYMBOL maestro_runtime
#endif

extern const char MAESTRO_RUNTIME_SYMBOL[];
const char MAESTRO_RUNTIME_SYMBOL[] = "";
