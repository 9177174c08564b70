// nng: a PAIR for each connection.
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "worker.h"

static void must(int error, const char *what) {
	if (error != 0) fail(what, nng_strerror(error));
}

static nng_socket *new_socket(void) {
	nng_socket *s = calloc(1, sizeof *s);
	must(nng_pair0_open(s), "nng_pair0_open");
	must(nng_socket_set_int(*s, NNG_OPT_SENDBUF, 128), NNG_OPT_SENDBUF);
	must(nng_socket_set_int(*s, NNG_OPT_RECVBUF, 128), NNG_OPT_RECVBUF);
	must(nng_socket_set_size(*s, NNG_OPT_RECVMAXSZ, 16 << 20), NNG_OPT_RECVMAXSZ);
	return s;
}

static void *serve_at(const char *addr, char *url, size_t room) {
	nng_socket *s = new_socket();
	nng_listener l;
	char ask[600];
	int ipc = addr[0] == '/';
	if (ipc) snprintf(ask, sizeof ask, "ipc://%s", addr);
	else snprintf(ask, sizeof ask, "tcp://127.0.0.1:0");
	must(nng_listener_create(&l, *s, ask), "nng_listener_create");
	must(nng_listener_start(l, 0), "nng_listener_start");
	if (ipc) {
		snprintf(url, room, "%s", ask);
		return s;
	}
	nng_sockaddr a;
	must(nng_listener_get_addr(l, NNG_OPT_LOCADDR, &a), NNG_OPT_LOCADDR);
	uint16_t big = a.s_in.sa_port;
	snprintf(url, room, "tcp://127.0.0.1:%d", (big & 0xff) << 8 | big >> 8);
	return s;
}

static void *dial_to(const char *url) {
	nng_socket *s = new_socket();
	must(nng_dial(*s, url, NULL, 0), "nng_dial");
	return s;
}

static void send_message(void *conn, const char *message, size_t size) {
	must(nng_send(*(nng_socket *)conn, (void *)message, size, 0), "nng_send");
}

static size_t receive_message(void *conn, char *message, size_t size) {
	size_t n = size;
	must(nng_recv(*(nng_socket *)conn, message, &n, 0), "nng_recv");
	return n;
}
