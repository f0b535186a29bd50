#include "bucket.h"

void Bucket_allocate(void *obj) {
  struct Bucket *bucket = (struct Bucket *)obj;

  bucket->tokens = 0;
  bucket->updated = 0;
}
