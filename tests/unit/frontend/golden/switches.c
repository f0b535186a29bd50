/* A jump may skip declarations: variables of functions with labels or cases exist from the start. */
#include <stdlib.h>
int kind(long type) {
  switch (type) {
    int bias;
    case -1: bias = 1; return bias;
    case 0x0800: type++; /* falls through */
    case 0x86DD: break;
    default: exit(2);
  }
  return (int)type;
}
