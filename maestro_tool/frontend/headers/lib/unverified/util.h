#pragma once
#include "lib/verified/boilerplate-util.h"
unsigned hash_obj(void *object, int size);
