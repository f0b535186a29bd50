#pragma once
#include <stddef.h>
#include <stdarg.h>
#include <sys/types.h>
typedef struct _IO_FILE FILE;
extern FILE *stdin, *stdout, *stderr;
#define EOF (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
int printf(const char *format, ...);
int fprintf(FILE *file, const char *format, ...);
int vprintf(const char *format, va_list arguments);
int vfprintf(FILE *file, const char *format, va_list arguments);
int vsprintf(char *text, const char *format, va_list arguments);
int vsnprintf(char *text, size_t size, const char *format, va_list arguments);
int sprintf(char *text, const char *format, ...);
int snprintf(char *text, size_t size, const char *format, ...);
int sscanf(const char *text, const char *format, ...);
int fscanf(FILE *file, const char *format, ...);
int fflush(FILE *file);
int puts(const char *text);
int fputs(const char *text, FILE *file);
int putchar(int c);
int fputc(int c, FILE *file);
int fgetc(FILE *file);
int getc(FILE *file);
int ungetc(int c, FILE *file);
char *fgets(char *text, int size, FILE *file);
ssize_t getline(char **line, size_t *size, FILE *file);
FILE *fopen(const char *name, const char *mode);
int fclose(FILE *file);
int feof(FILE *file);
int ferror(FILE *file);
void rewind(FILE *file);
int fseek(FILE *file, long offset, int whence);
long ftell(FILE *file);
size_t fread(void *block, size_t size, size_t count, FILE *file);
size_t fwrite(const void *block, size_t size, size_t count, FILE *file);
void perror(const char *text);
