// Package gateway gives peers of a session connections to raw endpoints, such as a Redis or PostgreSQL server, under names. The
// process that serves has the offers:
//
//	g, err := gateway.New(&gateway.Config{Offers: []gateway.Offer{{Name: "redis", Upstream: "127.0.0.1:6379"}}})
//	err = g.Serve(ctx, ln) // a listener of any transport
//
// and its peers open them:
//
//	conn, err := gateway.Dial(ctx, sess, "redis")
//
// A Connector opens local ports for programs that know nothing of this.
//
// # Two ways
//
//	handed over   peer ═════════════════════════════> upstream     the connected socket itself, by SCM_RIGHTS
//	proxied       peer ═══ session ═══ gateway ═════> upstream     two byte streams of the session
//
// The gateway dials the upstream. Where the session hands descriptors over, the peer gets the connected socket, and the
// gateway is out of the path: bytes take no way around, and the connection goes on if the gateway ends. Everywhere else, for
// an offer with an IdleTimeout, and for one that is Proxied, the bytes travel on the session, with its credits: a reader that
// has stopped holds up its own connection and no other. A clean end of one direction is a clean end at the other side, and
// a connection that breaks, on either side, is reset on the other; so it is if the session ends.
//
// # Who may
//
// An offer without rules is for peers on this machine of the gateway's own user. Rules admit others, by what the kernel, the
// transport or a token say of them: see Rules. The upstream sees the gateway as its client, not the peer.
//
// # Accounts
//
// A logger gets one line a connection, when it has ended, and one for each that was refused; Stats has counters. Of a
// connection that was handed over, the gateway knows by the kernel how long anybody holds it, so that limits hold; the bytes
// that went over it only if its user reports them, as Connector does.
package gateway
