package h2

import (
	"context"
	"fmt"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports/internal/web"
)

// Listen listens at a URL, by a server of its own: https://host:port/path with the certificate in Options.TLS, or h2c://
// without TLS. With port 0 the system chooses one; Addr has it. An empty host means all addresses of the machine. The
// listener is the caller's to close.
//
// Who has a server already mounts Handler there.
func Listen(ctx context.Context, address string, o *Options) (*engine.Listener, error) {
	u, err := web.ParseURL(address, "https", "h2c")
	if err != nil {
		return nil, fmt.Errorf("h2: listen: %w", err)
	}
	l, err := web.Listen(ctx, u, u.Scheme == "https", o.web(), true, HandlerOf)
	if err != nil {
		return nil, fmt.Errorf("h2: listen %s: %w", u.Redacted(), err)
	}
	return l, nil
}
