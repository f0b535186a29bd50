/* MAESTRO_KEY(key): the pointer, with the padding of what it points to set to 0.  Where its type is not known (void *), or
 * the compiler cannot (clang), nothing is done: the analysis then finds padding that is read without a value. */
#ifndef MAESTRO_KEY_H
#define MAESTRO_KEY_H

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
/* Keys may lie in the packet, where nothing is aligned. */
#define MAESTRO_KEY(key)                                                                   \
  __extension__({                                                                          \
    _Pragma("GCC diagnostic push")                                                         \
    _Pragma("GCC diagnostic ignored \"-Waddress-of-packed-member\"")                       \
    __auto_type maestro_key = (key);                                                       \
    _Pragma("GCC diagnostic pop")                                                          \
    __builtin_clear_padding(_Generic(maestro_key, void *: (char *)maestro_key, default: maestro_key)); \
    maestro_key;                                                                           \
  })
#endif
#endif
#ifndef MAESTRO_KEY
#define MAESTRO_KEY(key) (key)
#endif

#endif
