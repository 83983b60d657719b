/* Elementary functions in C, as elementary.py and elementary_effects.py time them.

   What libmvec has is declared with the attribute simd, so that gcc calls it in loops without
   -ffast-math (https://sourceware.org/glibc/wiki/libmvec); const says that errno is nobody's concern,
   without which gcc leaves those that set it as they are. */
#include <math.h>
#include <time.h>
#define VECTOR __attribute__((simd("notinbranch"), const))
VECTOR float expf(float); VECTOR float exp2f(float); VECTOR float exp10f(float);
VECTOR float expm1f(float); VECTOR float logf(float); VECTOR float log2f(float);
VECTOR float log10f(float); VECTOR float log1pf(float); VECTOR float sinf(float);
VECTOR float cosf(float); VECTOR float tanf(float); VECTOR float asinf(float);
VECTOR float acosf(float); VECTOR float atanf(float); VECTOR float sinhf(float);
VECTOR float coshf(float); VECTOR float tanhf(float); VECTOR float asinhf(float);
VECTOR float acoshf(float); VECTOR float atanhf(float); VECTOR float cbrtf(float);
VECTOR float powf(float, float); VECTOR float atan2f(float, float); VECTOR float hypotf(float, float);
VECTOR double sin(double); VECTOR double cos(double); VECTOR double exp(double);
VECTOR double log10(double); VECTOR double pow(double, double);
double exp10(double);
float sqrtf(float) __attribute__((const));
double sqrt(double) __attribute__((const));
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }

/* A loop over an array, and a chain in which each value waits for the one before it: what comes out
   changes the next argument by nothing that is left of it, but the compiler cannot know. */
#define ONE(name, type, suffix) \
    void loop_##name##suffix(const type *restrict x, type *restrict y, long n) { \
        for (long i = 0; i < n; i++) y[i] = name##suffix(x[i]); \
    } \
    void chain_##name##suffix(const type *x, type *y, long n, type none) { \
        type last = 0; \
        for (long i = 0; i < n; i++) { last = name##suffix(x[i] + none * last); y[i] = last; } \
    }
#define TWO(name, type, suffix) \
    void loop_##name##suffix(const type *restrict x, const type *restrict z, type *restrict y, long n) { \
        for (long i = 0; i < n; i++) y[i] = name##suffix(x[i], z[i]); \
    } \
    void chain_##name##suffix(const type *x, const type *z, type *y, long n, type none) { \
        type last = 0; \
        for (long i = 0; i < n; i++) { last = name##suffix(x[i] + none * last, z[i]); y[i] = last; } \
    }
#define BOTH(how, name) how(name, float, f) how(name, double, )
BOTH(ONE, exp) BOTH(ONE, exp2) BOTH(ONE, exp10) BOTH(ONE, expm1)
BOTH(ONE, log) BOTH(ONE, log2) BOTH(ONE, log10) BOTH(ONE, log1p)
BOTH(ONE, sqrt) BOTH(ONE, rsqrt) BOTH(ONE, cbrt)
BOTH(ONE, sin) BOTH(ONE, cos) BOTH(ONE, tan) BOTH(ONE, asin) BOTH(ONE, acos) BOTH(ONE, atan)
BOTH(ONE, sinh) BOTH(ONE, cosh) BOTH(ONE, tanh) BOTH(ONE, asinh) BOTH(ONE, acosh) BOTH(ONE, atanh)
BOTH(TWO, pow) BOTH(TWO, atan2) BOTH(TWO, hypot) BOTH(TWO, fmod)

/* The nanoseconds that so many calls of a function of this file take. */
static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1000000000L * t.tv_sec + t.tv_nsec;
}
long repeat_one(void (*f)(const void *, void *, long), void *x, void *y, long n, long times) {
    long started = now();
    while (times--) f(x, y, n);
    return now() - started;
}
long repeat_two(void (*f)(const void *, const void *, void *, long), void *x, void *z, void *y, long n,
                long times) {
    long started = now();
    while (times--) f(x, z, y, n);
    return now() - started;
}
#define REPEAT_CHAIN(suffix, type) \
    long repeat_chain_one##suffix(void (*f)(const void *, void *, long, type), void *x, void *y, long n, \
                                  long times) { \
        long started = now(); \
        while (times--) f(x, y, n, 0); \
        return now() - started; \
    } \
    long repeat_chain_two##suffix(void (*f)(const void *, const void *, void *, long, type), void *x, \
                                  void *z, void *y, long n, long times) { \
        long started = now(); \
        while (times--) f(x, z, y, n, 0); \
        return now() - started; \
    }
REPEAT_CHAIN(f, float)
REPEAT_CHAIN(, double)

typedef struct { float rate, depth, phase; } TremoloInFloats;
void tremolo_in_floats(TremoloInFloats *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        float gain = 1.0f - s->depth * (0.5f + 0.5f * sinf(s->phase + s->rate * (float)i));
        out[i] = gain * in[i];
        out[n + i] = gain * in[n + i];
    }
    s->phase = fmodf(s->phase + s->rate * (float)n, 6.28318530717958647692f);
}
typedef struct { float carrier, modulator, index, phase, other; } FmVoice;
void fm_voice(FmVoice *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        float swing = s->index * sinf(s->other + s->modulator * (float)i);
        float y = in[i] * sinf(s->phase + s->carrier * (float)i + swing);
        out[i] = y;
        out[n + i] = y;
    }
    s->phase = fmodf(s->phase + s->carrier * (float)n, 6.28318530717958647692f);
    s->other = fmodf(s->other + s->modulator * (float)n, 6.28318530717958647692f);
}
typedef struct { float threshold, slope, makeup; } GainComputer;
void gain_computer(GainComputer *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        float a = fabsf(in[i]), b = fabsf(in[n + i]), peak = a > b ? a : b;
        float level = 20.0f * log10f(peak > 1e-6f ? peak : 1e-6f);
        float over = level > s->threshold ? level - s->threshold : 0.0f;
        float gain = powf(10.0f, (s->makeup - s->slope * over) * 0.05f);
        out[i] = gain * in[i];
        out[n + i] = gain * in[n + i];
    }
}
