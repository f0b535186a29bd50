#pragma once
/* Functions with a variable argument list can be declared and called, not defined. */
typedef struct __va_list_tag { unsigned gp_offset, fp_offset; void *overflow_arg_area, *reg_save_area; } va_list[1];
