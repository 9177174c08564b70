// ZeroMQ: a PAIR for each connection.
#include <zmq.h>

#include "worker.h"

static void *context;

static void *new_socket(void) {
	if (!context) context = zmq_ctx_new();
	zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 4096);
	void *s = zmq_socket(context, ZMQ_PAIR);
	if (!s) fail("zmq_socket", zmq_strerror(errno));
	return s;
}

static void *serve_at(const char *addr, char *url, size_t room) {
	void *s = new_socket();
	char ask[600];
	if (addr[0] == '/') snprintf(ask, sizeof ask, "ipc://%s", addr);
	else snprintf(ask, sizeof ask, "tcp://127.0.0.1:*");
	if (zmq_bind(s, ask) != 0) fail("zmq_bind", zmq_strerror(errno));
	if (zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, url, &room) != 0) fail("ZMQ_LAST_ENDPOINT", zmq_strerror(errno));
	return s;
}

static void *dial_to(const char *url) {
	void *s = new_socket();
	if (zmq_connect(s, url) != 0) fail("zmq_connect", zmq_strerror(errno));
	return s;
}

static void send_message(void *conn, const char *message, size_t size) {
	while (zmq_send(conn, message, size, 0) < 0)
		if (errno != EINTR) fail("zmq_send", zmq_strerror(errno));
}

static size_t receive_message(void *conn, char *message, size_t size) {
	int n;
	while ((n = zmq_recv(conn, message, size, 0)) < 0)
		if (errno != EINTR) fail("zmq_recv", zmq_strerror(errno));
	return (size_t)n;
}
