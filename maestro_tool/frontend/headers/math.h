#pragma once
double ceil(double x);
double floor(double x);
double round(double x);
double trunc(double x);
double sqrt(double x);
double fabs(double x);
double exp(double x);
double log(double x);
double log2(double x);
double log10(double x);
double pow(double x, double y);
double fmin(double x, double y);
double fmax(double x, double y);
double fmod(double x, double y);
