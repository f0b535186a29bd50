/* Short circuits are control flow; the exit tests of loops are marked. */
_Bool both(int a, unsigned char b) { return a == 3 && b; }
int count(const char *text) {
  int n = 0;
  while (*text++ != '\0' && n < 10) n++;
  return n;
}
