// What a worker in C shares with the others: its arguments, its orders, the message and the measured loops, as the Go packages peer and
// worker describe them. A program defines the functions below and includes this file, which has main.
//
// Each connection has a thread of its own. Calls that are many in flight are sent by the thread that receives them: the library
// queues what is sent.
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Of the library. All end the process by fail if they cannot do what they are for.
static void *serve_at(const char *addr, char *url, size_t room); // listens; url: where to dial
static void *dial_to(const char *url);
static void send_message(void *conn, const char *message, size_t size);
static size_t receive_message(void *conn, char *message, size_t size); // returns the size that it has

static void fail(const char *what, const char *why) {
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static int64_t clock_ns(clockid_t clock) {
	struct timespec t;
	if (clock_gettime(clock, &t) != 0) fail("clock_gettime", strerror(errno));
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static int64_t cpu_ns(pid_t pid) {
	clockid_t clock;
	int e = clock_getcpuclockid(pid, &clock);
	if (e != 0) fail("clock_getcpuclockid", strerror(e));
	return clock_ns(clock);
}

static void stamp(char *m, size_t size, uint64_t number, int reply) {
	memcpy(m, &number, 8);
	m[8] = (char)reply;
	memcpy(m + size - 8, &number, 8);
}

static void check(const char *m, size_t got, size_t size, uint64_t want) {
	uint64_t first, last;
	memcpy(&first, m, 8);
	memcpy(&last, m + size - 8, 8);
	if (got != size || first != want || last != want) {
		char why[200];
		snprintf(why, sizeof why, "number %llu to %llu of %zu bytes instead of %llu of %zu", (unsigned long long)first,
			(unsigned long long)last, got, (unsigned long long)want, size);
		fail("another message than was due", why);
	}
}

// A line is one connection with what its thread needs.
struct line {
	void *conn;
	size_t size;
	uint64_t number;
	char *out, *in;
	long n; // work to do
	int64_t *samples; // or NULL
};

static void receive_number(struct line *l, uint64_t number) {
	check(l->in, receive_message(l->conn, l->in, l->size), l->size, number);
}

static void *echo(void *arg) {
	struct line *l = arg;
	for (uint64_t number = 1;; number++) {
		receive_number(l, number);
		if (l->in[8] == 1) send_message(l->conn, l->in, l->size);
	}
	return NULL;
}

static void send_next(struct line *l, int reply) {
	stamp(l->out, l->size, ++l->number, reply);
	send_message(l->conn, l->out, l->size);
}

static void *trips(void *arg) {
	struct line *l = arg;
	if (l->n == 0) return NULL;
	send_next(l, 1);
	int64_t last = now_ns();
	for (long i = 0; i < l->n; i++) {
		receive_number(l, l->number);
		if (i + 1 < l->n) send_next(l, 1);
		int64_t now = now_ns();
		if (l->samples) l->samples[i] = now - last;
		last = now;
	}
	return NULL;
}

static void stream(struct line *l) {
	for (long i = 0; i < l->n; i++) send_next(l, i == l->n - 1);
	if (l->n > 0) receive_number(l, l->number);
}

static void calls(struct line *l, long inflight) {
	uint64_t due = l->number + 1;
	int64_t *begun = calloc((size_t)inflight, sizeof *begun);
	long sent = 0;
	for (long done = 0; done < l->n; done++) {
		for (; sent < l->n && sent < done + inflight; sent++) {
			begun[sent % inflight] = now_ns();
			send_next(l, 1);
		}
		receive_number(l, due++);
		if (l->samples) l->samples[done] = now_ns() - begun[done % inflight];
	}
	free(begun);
}

static int by_value(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void crowd(struct line *lines, int conns, long n, int64_t *samples) {
	pthread_t *threads = calloc((size_t)conns, sizeof *threads);
	long begin = 0;
	for (int i = 0; i < conns; i++) {
		long end = n * (i + 1) / conns;
		lines[i].n = end - begin;
		lines[i].samples = samples ? samples + begin : NULL;
		begin = end;
		if (pthread_create(&threads[i], NULL, trips, &lines[i]) != 0) fail("pthread_create", "failed");
	}
	for (int i = 0; i < conns; i++) pthread_join(threads[i], NULL);
	free(threads);
}

static void work(const char *kind, struct line *lines, int conns, long inflight, long n, int64_t *samples) {
	lines[0].n = n;
	lines[0].samples = samples;
	if (strcmp(kind, "trip") == 0) trips(&lines[0]);
	else if (strcmp(kind, "stream") == 0) stream(&lines[0]);
	else if (strcmp(kind, "calls") == 0) calls(&lines[0], inflight);
	else if (strcmp(kind, "crowd") == 0) crowd(lines, conns, n, samples);
	else fail("there is no kind of work", kind);
}

static void slice(const char *kind, struct line *lines, int conns, long inflight, long warm, long n, pid_t far) {
	work(kind, lines, conns, inflight, warm, NULL);
	int64_t *samples = strcmp(kind, "stream") == 0 ? NULL : malloc((size_t)n * sizeof *samples);
	if (samples) memset(samples, 0, (size_t)n * sizeof *samples); // touch it
	int64_t cpu = cpu_ns(getpid()) + cpu_ns(far), begin = now_ns();
	work(kind, lines, conns, inflight, n, samples);
	int64_t elapsed = now_ns() - begin;
	cpu = cpu_ns(getpid()) + cpu_ns(far) - cpu;
	int64_t p50 = 0, p99 = 0, most = 0;
	if (samples) {
		qsort(samples, (size_t)n, sizeof *samples, by_value);
		p50 = samples[n / 2], p99 = samples[n * 99 / 100], most = samples[n - 1];
	}
	free(samples);
	printf("{\"count\": %ld, \"elapsed_ns\": %lld, \"p50_ns\": %lld, \"p99_ns\": %lld, \"max_ns\": %lld, \"cpu_ns\": %lld, \"allocs\": -1}\n", n,
		(long long)elapsed, (long long)p50, (long long)p99, (long long)most, (long long)cpu);
}

int main(int argc, char **argv) {
	if (argc != 7) fail("usage", "near|far KIND SIZE CONNS INFLIGHT ADDRESS; it is started by the comparison, not by hand");
	setvbuf(stdout, NULL, _IOLBF, 0);
	int far = strcmp(argv[1], "far") == 0, conns = atoi(argv[4]);
	const char *kind = argv[2];
	size_t size = (size_t)atol(argv[3]);
	long inflight = atol(argv[5]);
	if (conns < 1 || inflight < 1 || size < 24) fail("usage", "connections, calls in flight or size are too small");
	struct line *lines = calloc((size_t)conns, sizeof *lines);
	char *next = argv[6];
	if (far) printf("ready ");
	for (int i = 0; i < conns; i++) {
		struct line *l = &lines[i];
		l->size = size;
		l->out = calloc(1, size);
		l->in = calloc(1, size);
		if (far) {
			char addr[512], url[512];
			if (argv[6][0] == '/') snprintf(addr, sizeof addr, "%s.%d", argv[6], i);
			else snprintf(addr, sizeof addr, "%s", argv[6]);
			l->conn = serve_at(addr, url, sizeof url);
			pthread_t thread;
			if (pthread_create(&thread, NULL, echo, l) != 0) fail("pthread_create", "failed");
			printf("%s%s", i ? "," : "", url);
		} else {
			l->conn = dial_to(strsep(&next, ","));
		}
	}
	puts(far ? "" : "ready -");
	char order[200];
	while (fgets(order, sizeof order, stdin)) {
		long warm, n;
		int pid;
		if (strncmp(order, "end", 3) == 0) break;
		if (strncmp(order, "stats", 5) == 0) puts("{\"allocs\": -1}");
		else if (sscanf(order, "run %ld %ld %d", &warm, &n, &pid) == 3 && !far) slice(kind, lines, conns, inflight, warm, n, pid);
		else fail("unknown order", order);
	}
	_exit(0); // threads wait in the library
}
