#pragma once
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define MAESTRO_KEY(key) __builtin_maestro_key(key)
#endif
#endif
#ifndef MAESTRO_KEY
#define MAESTRO_KEY(key) (key)
#endif
