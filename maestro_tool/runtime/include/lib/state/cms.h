/* Count-min sketches of this dialect are not supported: declared, so that their use is told by name. */
#ifndef MAESTRO_STATE_CMS_H
#define MAESTRO_STATE_CMS_H

#include "lib/util/time.h"

struct CMS;
int cms_allocate(uint32_t height, uint32_t width, uint32_t key_size, time_ns_t interval, struct CMS **cms_out);
void cms_increment(struct CMS *cms, void *key);
int cms_count_min(struct CMS *cms, void *key);
int cms_periodic_cleanup(struct CMS *cms, time_ns_t now);

#endif
