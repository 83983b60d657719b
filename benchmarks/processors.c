/* The effects of processors.py as one writes them in C; their structs are filled from arrays. */
#include <math.h>
typedef struct { double a, left, right; } OnePole;
void one_pole(OnePole *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        s->left += s->a * (in[i] - s->left);
        s->right += s->a * (in[n + i] - s->right);
        out[i] = s->left;
        out[n + i] = s->right;
    }
}
typedef struct { double b0, b1, b2, a1, a2, state[2][2]; } Biquad;
void biquad(Biquad *s, const float *in, float *out, long n) {
    for (int c = 0; c < 2; c++) {
        double s1 = s->state[c][0], s2 = s->state[c][1];
        for (long i = 0; i < n; i++) {
            double x = in[c * n + i];
            double y = s->b0 * x + s1;
            s1 = s->b1 * x - s->a1 * y + s2;
            s2 = s->b2 * x - s->a2 * y;
            out[c * n + i] = y;
        }
        s->state[c][0] = s1;
        s->state[c][1] = s2;
    }
}
typedef struct { double step, depth, phase; } Tremolo;
void tremolo(Tremolo *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        double gain = 1.0 - s->depth * (0.5 + 0.5 * sin(s->phase));
        s->phase += s->step;
        for (int c = 0; c < 2; c++)
            out[c * n + i] = gain * in[c * n + i];
    }
}
typedef struct { long place; float line[128]; } KarplusStrong;
void karplus_strong(KarplusStrong *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        long at = s->place + i;
        float y = 0.498f * (s->line[(at - 109) & 127] + s->line[(at - 108) & 127]) + in[i];
        s->line[at & 127] = y;
        for (int c = 0; c < 2; c++)
            out[c * n + i] = y;
    }
    s->place = (s->place + n) & 127;
}
typedef struct { long place; float line[109]; } KarplusStrongCompared;
void karplus_strong_compared(KarplusStrongCompared *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        long at = s->place, after = at + 1 < 109 ? at + 1 : 0;
        float y = 0.498f * (s->line[at] + s->line[after]) + in[i];
        s->line[at] = y;
        s->place = after;
        for (int c = 0; c < 2; c++)
            out[c * n + i] = y;
    }
}
enum { SIZE = 1024, HOP = 256 };
typedef struct {
    long place;
    double cosines[SIZE / 2], sines[SIZE / 2], window[SIZE], heard[2][SIZE], played[2][SIZE];
    double last[2][SIZE / 2 + 1], sums[2][SIZE / 2 + 1], re[SIZE], im[SIZE];
    double size[SIZE / 2 + 1], speed[SIZE / 2 + 1];
} PhaseVocoder;
static void fft(PhaseVocoder *s) {
    long j = 0;
    for (long k = 1; k < SIZE; k++) {
        long bit = SIZE >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j |= bit;
        if (k < j) {
            double t = s->re[k]; s->re[k] = s->re[j]; s->re[j] = t;
            t = s->im[k]; s->im[k] = s->im[j]; s->im[j] = t;
        }
    }
    for (long span = 1; span < SIZE; span *= 2) {
        long stride = SIZE / (2 * span);
        for (long first = 0; first < SIZE; first += 2 * span)
            for (long k = 0; k < span; k++) {
                double wr = s->cosines[k * stride], wi = -s->sines[k * stride];
                long a = first + k, b = first + k + span;
                double xr = s->re[b] * wr - s->im[b] * wi, xi = s->re[b] * wi + s->im[b] * wr;
                s->re[b] = s->re[a] - xr; s->im[b] = s->im[a] - xi;
                s->re[a] = s->re[a] + xr; s->im[a] = s->im[a] + xi;
            }
    }
}
void phase_vocoder(PhaseVocoder *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        long at = s->place & (HOP - 1);
        for (int c = 0; c < 2; c++) {
            s->heard[c][SIZE - HOP + at] = in[c * n + i];
            out[c * n + i] = s->played[c][at];
        }
        s->place++;
        if (at != HOP - 1)
            continue;
        for (int c = 0; c < 2; c++) {
            for (long k = 0; k < SIZE; k++) {
                s->re[k] = s->heard[c][k] * s->window[k];
                s->im[k] = 0.0;
            }
            for (long k = 0; k < SIZE - HOP; k++)
                s->heard[c][k] = s->heard[c][k + HOP];
            fft(s);
            for (long k = 0; k <= SIZE / 2; k++)
                s->size[k] = s->speed[k] = 0.0;
            double step = 2.0 * M_PI * HOP / SIZE;
            for (long k = 0; k <= SIZE / 2; k++) {
                double magnitude = sqrt(s->re[k] * s->re[k] + s->im[k] * s->im[k]);
                double phase = atan2(s->im[k], s->re[k]);
                double moved = phase - s->last[c][k] - k * step;
                s->last[c][k] = phase;
                moved -= 2.0 * M_PI * floor(moved / (2.0 * M_PI) + 0.5);
                long to = (long)(k * 1.25);
                if (to <= SIZE / 2) {
                    s->size[to] += magnitude;
                    s->speed[to] = 1.25 * (k * step + moved);
                }
            }
            for (long k = 0; k <= SIZE / 2; k++) {
                s->sums[c][k] += s->speed[k];
                s->sums[c][k] -= 2.0 * M_PI * floor(s->sums[c][k] / (2.0 * M_PI));
                s->re[k] = s->size[k] * cos(s->sums[c][k]);
                s->im[k] = -s->size[k] * sin(s->sums[c][k]);
            }
            for (long k = 1; k < SIZE / 2; k++) {
                s->re[SIZE - k] = s->re[k];
                s->im[SIZE - k] = -s->im[k];
            }
            fft(s);
            for (long k = 0; k < SIZE - HOP; k++)
                s->played[c][k] = s->played[c][k + HOP];
            for (long k = SIZE - HOP; k < SIZE; k++)
                s->played[c][k] = 0.0;
            for (long k = 0; k < SIZE; k++)
                s->played[c][k] += s->re[k] * s->window[k] * (2.0 / (3.0 * SIZE));
        }
    }
}
